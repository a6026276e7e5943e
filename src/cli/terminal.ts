import { clearLine, createInterface, cursorTo, type Interface } from 'node:readline';

/** Lines in and out, on a terminal or through pipes. What is printed does not tear up what is being typed. */
export interface Terminal {
  print(line: string): void;
  /** Gives line after line to `does`, each when the one before is done, until it answers `false` or nothing comes any more. */
  each(does: (line: string) => Promise<boolean>): Promise<void>;
}

export function openTerminal(input: NodeJS.ReadStream = process.stdin, output: NodeJS.WriteStream = process.stdout): Terminal {
  const isTyped = input.isTTY === true && output.isTTY === true;
  let lines: Interface | undefined;

  return {
    print(line) {
      if (isTyped) {
        clearLine(output, 0);
        cursorTo(output, 0);
      }
      output.write(`${line}\n`);
      if (isTyped) lines?.prompt(true);
    },
    async each(does) {
      // Not before somebody listens: what is typed while things start up is kept.
      const reading = createInterface({ input, output, terminal: isTyped, prompt: '> ' });
      const ended = new Promise<void>((resolve) => {
        reading.once('close', () => {
          lines = undefined;
          resolve();
        });
      });
      lines = reading;
      // Whoever interrupts means to leave.
      reading.on('SIGINT', () => reading.close());
      let before = Promise.resolve(true);
      reading.on('line', (line) => {
        before = before.then(async (goesOn) => {
          if (!goesOn) return false;
          const isMore = await does(line);
          if (!isMore) reading.close();
          else if (isTyped) lines?.prompt();
          return isMore;
        });
        before.catch(() => reading.close());
      });
      if (isTyped) reading.prompt();
      await ended;
      await before;
    },
  };
}

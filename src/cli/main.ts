import { parseArgs } from 'node:util';
import { demo, demoPlay } from './demo.ts';
import { exitCodes, playFiles, type Verdict } from './play.ts';

const usage = `Usage:
  adjourn play FILE… [--json] [--store memory] [--keep]
  adjourn demo [--play all|NAME] [--ci]
`;

/** Says what is wrong with the command line. */
class UsageError extends Error {}

async function main(args: readonly string[]): Promise<Verdict> {
  const [command, ...rest] = args;
  switch (command) {
    case 'play': {
      const { values, positionals } = parseArgs({
        args: rest,
        allowPositionals: true,
        options: { json: { type: 'boolean' }, store: { type: 'string' }, keep: { type: 'boolean' } },
      });
      if (positionals.length === 0) throw new UsageError('play needs a file.');
      if ((values.store ?? 'memory') !== 'memory')
        throw new UsageError(`--store ${values.store}: this version plays in memory only.`);
      return playFiles(positionals, values.json ? 'json' : 'story');
    }
    case 'demo': {
      const { values } = parseArgs({ args: rest, options: { play: { type: 'string' }, ci: { type: 'boolean' } } });
      return values.play === undefined ? demo() : demoPlay(values.play, values.ci ?? false);
    }
    case 'help':
    case '--help':
      process.stdout.write(usage);
      return 'held';
    default:
      throw new UsageError(command === undefined ? 'a command is missing.' : `there is no command "${command}".`);
  }
}

// Standard output holds what was asked for and nothing else, whatever the bots' SDKs have to say.
console.log = console.info = console.debug = console.error;

try {
  process.exitCode = exitCodes[await main(process.argv.slice(2))];
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  process.stderr.write(`adjourn: ${error instanceof Error ? error.message : String(error)}\n${isUsage ? usage : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}

import { parseArgs } from 'node:util';
import { isAdjournError } from '../middleware/errors.ts';
import { demo, demoPlay } from './demo.ts';
import { desk } from './desk.ts';
import { exitCodes, Interrupted, playFiles, type Verdict } from './play.ts';
import { openerOf } from './stores/open-store.ts';
import { StoreError } from './stores/opened.ts';

const usage = `Usage:
  adjourn play FILE… [--json] [--store STORE] [--keep]
  adjourn demo [--play all|NAME] [--ci]
  adjourn desk [--speed N]

STORE is memory, sqlite:FILE, redis://HOST:PORT, postgres://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE.
In memory the processes of a scenario are instances in one process; over every other store they are real ones.
Without --store a scenario is played in memory; one in which a process dies, over a temporary file of SQLite.
What a run puts into a store is removed at its end, or stays with --keep, under a name that is told.
The desk's sessions run at real time, or --speed N times as fast.
`;

/** How many times as fast session time may run: vendors get 15 seconds of it to answer, which real calls must fit into. */
const fastest = 60;

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
      const { json, store, keep } = values;
      if (store !== undefined && store !== 'memory') openerOf(store);
      return playFiles(positionals, { telling: json ? 'json' : 'story', store, keep });
    }
    case 'demo': {
      const { values } = parseArgs({ args: rest, options: { play: { type: 'string' }, ci: { type: 'boolean' } } });
      return values.play === undefined ? demo() : demoPlay(values.play, values.ci ?? false);
    }
    case 'desk': {
      const { values } = parseArgs({ args: rest, options: { speed: { type: 'string', default: '1' } } });
      const speed = Number(values.speed);
      if (!(speed > 0 && speed <= fastest))
        throw new UsageError(`--speed ${values.speed}: it must be a number above 0, at most ${fastest}.`);
      return desk(speed);
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
  process.exitCode = exitCodeOf(error);
  if (!(error instanceof Interrupted)) {
    process.stderr.write(`adjourn: ${error instanceof Error ? error.message : String(error)}\n${isUsage(error) ? usage : ''}`);
  }
}

function exitCodeOf(error: unknown): number {
  // As shells say that somebody has ended it.
  if (error instanceof Interrupted) return 130;
  return isUsage(error) || error instanceof StoreError || isAdjournError(error, 'ADJ_PEER_MISSING') ? 2 : 1;
}

/** Whether the command line is wrong. */
function isUsage(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof TypeError && 'code' in error);
}

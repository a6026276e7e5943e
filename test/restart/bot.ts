import { createServer } from 'node:http';
import KeyvRedis from '@keyv/redis';
import { createSessions, keyvStore } from 'adjourn';
import { messengerSessions } from 'adjourn/messenger';
import Keyv from 'keyv';

/**
 * A bot in a process of its own, for tests that kill it: `node bot.ts <namespace>`. Prints its port, then one line per answer.
 * Messages are answered into standard output: nobody's API is called.
 */
const namespace = process.argv[2] ?? 'restart';
const keyv = new Keyv(new KeyvRedis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'), { namespace });
const sessions = createSessions({
  initial: () => ({ words: [] as string[] }),
  store: keyvStore(keyv),
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
const webhook = messengerSessions(
  sessions,
  { appSecret: 'secret', verifyToken: 'verify', accessToken: 'token' },
  async (event, turn) => {
    const text = (event as { message?: { text?: string } }).message?.text ?? '';
    turn.session.data.words.push(text);
    turn.session.variables.set('last', text, { ttl: '1h' });
    console.log(`#${turn.session.turnCount} ${turn.session.data.words.join(' ')} ${turn.session.id}`);
    if (text === 'die') process.kill(process.pid, 'SIGKILL');
  },
);
const server = createServer((req, res) => webhook(req, res, (error) => res.writeHead(error ? 500 : 404).end()));
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as { port: number }).port}`));

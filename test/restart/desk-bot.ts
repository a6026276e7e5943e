import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { createSessions, systemClock } from 'adjourn';
import { messengerSessions } from 'adjourn/messenger';
import { redisStore } from 'adjourn/stores/redis';

/**
 * A bot with a desk in a process of its own: `node desk-bot.ts <prefix> <origin> <rule|message|lives>`. Session time runs a hundred times
 * as fast from `origin` on, so that crash nets need no patience. Prints the port, then what happens at the desk. Told to, it dies while it
 * chooses an agent, or at the desk's message `die`.
 */
const [prefix = 'desk', origin = '0', dies] = process.argv.slice(2);
const speed = 100;
const clock = {
  now: () => Math.round(Number(origin) + (Date.now() - Number(origin)) * speed),
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / speed, signal),
};
const die = () => process.kill(process.pid, 'SIGKILL');

const client = createClient({ url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' });
await client.connect();
const sessions = createSessions({
  store: redisStore(client, { prefix }),
  clock,
  leaseMs: 500,
  endpoints: { messenger: { expiration: 0, agents: { replyWithin: '14d' } } },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});
const desk = sessions.desk('support', {
  agents: [{ id: 'A', capacity: 1 }],
  rule(_session, [first]) {
    if (dies === 'rule') die();
    return first?.id;
  },
  async onMessage({ activity }) {
    const text = activity.kind === 'message' ? activity.text : activity.kind;
    if (text === 'die' && dies === 'message') die();
    const loads = (await desk.agents()).map(({ id, load }) => `${id} ${load}`);
    console.log(`heard ${text}, ${loads}`);
  },
});
for (const type of ['assigned', 'reassigned', 'nobody_free'] as const) {
  sessions.on(type, (event) => console.log(`${type} ${event.agent}`));
}
await desk.presence('A', 'online');

const meta = { appSecret: 'secret', verifyToken: 'verify', accessToken: 'token' };
const webhook = messengerSessions(sessions, meta, async (_event, turn) => turn.session.handoff('support'));
const server = createServer((req, res) => webhook(req, res, (error) => res.writeHead(error ? 500 : 404).end()));
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as { port: number }).port}`));

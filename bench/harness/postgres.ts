import pg from 'pg';
import { connectPostgres, dropping, freshPrefix, missing, postgresUrl } from '../../test/stores/sql-servers.ts';
import { keyOfUser, type Model, nameOf } from './bot.ts';
import { Missing } from './case.ts';

/** Tables of our own on the PostgreSQL that is there. */
export interface Postgres {
  readonly prefix: string;
  /** Shared by all contestants; statements of its connections are counted. */
  readonly pool: pg.Pool;
  /** Statements answered so far, by that pool. */
  answered(): number;
  say(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

/** As many connections as turns can be under way in the server at once. */
const connections = 16;

/** @throws Missing where no PostgreSQL answers */
export async function startPostgres(): Promise<Postgres> {
  const reason = await missing(postgresUrl, 'PostgreSQL');
  if (reason !== undefined) throw new Missing(reason);
  const prefix = freshPrefix();
  const pool = new pg.Pool({ connectionString: postgresUrl.href, max: connections });
  let answered = 0;
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (config: pg.QueryConfig) => Promise<pg.QueryResult>;
    const counted = async (config: pg.QueryConfig) => {
      const answer = await query(config);
      answered += 1;
      return answer;
    };
    Object.assign(client, { query: counted });
  });
  const control = connectPostgres(postgresUrl.href, 1);
  return {
    prefix,
    pool,
    answered: () => answered,
    say: control.say,
    async stop() {
      await pool.end();
      await control.say(dropping(prefix));
      await control.say(`DROP TABLE IF EXISTS ${prefix}_bare`);
      await control.end();
    },
  };
}

/** Stores users from one number to another as copies of user 0, made by the server. */
export async function seedPostgres({ prefix, say }: Postgres, model: Model, from: number, to: number): Promise<void> {
  const table = `${prefix}_conversations`;
  const name = `lpad(n::text, 8, '0')`;
  const named = (column: string) => `replace(${column}, '${nameOf(0)}', ${name})`;
  const record = named(`replace(m.record, '${model.session}', '${model.session.slice(0, -8)}' || ${name})`);
  await say(`INSERT INTO ${table} (conversation, record, revision, wake_at, look_at)
    SELECT ${named('m.conversation')}, ${record}, m.revision, m.wake_at, m.wake_at
    FROM generate_series(${from}, ${to - 1}) n, ${table} m WHERE m.conversation = '${keyOfUser(0)}'`);
  await say(`VACUUM ANALYZE ${table}`);
}

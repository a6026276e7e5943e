import { type SqlDriver, sqlArchive, sqlStore } from '../../stores/sql.ts';
import { withPeer } from '../peer.ts';
import { connectMs, type OpenStore, timeoutMs } from './opened.ts';

/** How many connections a process may have; one of them listens. */
const most = 5;

/** PostgreSQL: a run has tables of its own. */
export async function openPostgres(url: string, run: string): Promise<OpenStore> {
  const { Pool } = (await withPeer('pg', '--store postgres:', () => import('pg'))).default;
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: connectMs, max: most });
  pool.on('error', () => {});
  return opened(
    pool,
    run,
    async (sql) => {
      await pool.query(sql);
      // Its triggers went with the tables.
      await pool.query(`DROP FUNCTION IF EXISTS ${run}_archive_tally`);
    },
    () => pool.end(),
  );
}

/** MySQL, MariaDB: likewise. */
export async function openMysql(url: string, run: string): Promise<OpenStore> {
  const { createPool } = await withPeer('mysql2', '--store mysql:', () => import('mysql2/promise'));
  const pool = createPool({ uri: url.replace(/^mariadb:/, 'mysql:'), connectTimeout: connectMs, connectionLimit: most });
  return opened(
    pool,
    run,
    (sql) => pool.query(sql),
    () => pool.end(),
  );
}

function opened(driver: SqlDriver, run: string, say: (sql: string) => Promise<unknown>, close: () => Promise<void>): OpenStore {
  return {
    store: sqlStore(driver, { prefix: run, timeoutMs }),
    archive: sqlArchive(driver, { prefix: run, timeoutMs }),
    part: `the tables ${run}_*`,
    clear: async () => void (await say(`DROP TABLE IF EXISTS ${tablesOf(run).join(', ')}`)),
    close,
  };
}

/** The tables of a run. */
export function tablesOf(run: string): string[] {
  const archived = ['archive', 'archive_lines', 'archive_erased', 'archive_counts', 'archive_spreads'];
  return ['conversations', 'line', 'processes', 'schema', ...archived].map((name) => `${run}_${name}`);
}

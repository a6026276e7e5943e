import { expect, test } from 'vitest';
import { dropping, freshPrefix, missing } from '../stores/sql-servers.ts';
import { aroundMs, chaosOn, forMs } from './chaos.ts';

const url = new URL(process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test');
const lost = await missing(url, 'PostgreSQL');
if (lost !== undefined) console.warn(`LEFT OUT: chaos on PostgreSQL, ${lost}.`);

test.runIf(lost === undefined || process.env['CI'])(
  'a minute of deaths over PostgreSQL: nothing acknowledged is lost, nothing happens twice',
  async () => {
    expect(lost).toBeUndefined();
    const prefix = freshPrefix();
    try {
      const { violations, summary } = await chaosOn(() => ({ kind: 'postgres', url: url.href, prefix }));
      expect(violations).toEqual([]);
      expect(summary.killed).toBeGreaterThan(forMs / 2_000);
    } finally {
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      await client.query(dropping(prefix));
      await client.query(`DROP FUNCTION IF EXISTS ${prefix}_archive_tally`);
      await client.end();
    }
  },
  forMs + aroundMs,
);

import { strict as assert } from 'node:assert';
import pg from 'pg';
import { sqlStore } from '../../src/stores/sql.ts';

/** Another process: stands in line for a conversation until it is killed. */
const [url, prefix] = process.argv.slice(2);
assert(url !== undefined && prefix !== undefined);
const store = sqlStore(new pg.Pool({ connectionString: url }), { prefix });
await store.begin('a', { now: 0, leaseMs: 60_000, waitMs: 60_000 });

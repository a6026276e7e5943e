import type { Postgres } from './postgres.ts';

/** The least that a turn can do: one prepared statement takes a lease and the record, another checks it, saves, indexes and releases. */
export interface BarePostgres {
  turn(user: number): Promise<void>;
  /** How large records are from now on, bytes. */
  size: number;
}

export async function barePostgres({ prefix, pool, say }: Postgres): Promise<BarePostgres> {
  const table = `${prefix}_bare`;
  await say(`CREATE TABLE ${table} (conversation varchar(700) COLLATE "C" PRIMARY KEY, record text, revision integer NOT NULL DEFAULT 0,
    wake_at double precision, lease_token text, lease_until timestamptz) WITH (fillfactor = 80)`);
  await say(`CREATE INDEX ON ${table} (wake_at) WHERE wake_at IS NOT NULL`);
  // A lease need not outlive a crash: nobody waits for the disk before the save.
  const take = `INSERT INTO ${table} AS c (conversation, lease_token, lease_until) VALUES ($1, $2, now() + interval '30 seconds')
    ON CONFLICT (conversation) DO UPDATE SET lease_token = excluded.lease_token, lease_until = excluded.lease_until
    WHERE c.lease_token IS NULL OR c.lease_until <= now()
    RETURNING record, revision, set_config('synchronous_commit', 'off', true)`;
  const save = `UPDATE ${table} SET record = $3, revision = revision + 1, wake_at = coalesce(wake_at, $4), lease_token = NULL, lease_until = NULL
    WHERE conversation = $1 AND lease_token = $2`;
  let tokens = 0;
  const once = async (config: { name: string; text: string; values: unknown[] }) => {
    const client = await pool.connect();
    try {
      const { rowCount } = await client.query(config);
      if (rowCount !== 1) throw new Error('The bare lease was taken or lost.');
    } finally {
      client.release();
    }
  };
  const bare: BarePostgres = {
    size: 1_000,
    async turn(user) {
      tokens += 1;
      const [key, token] = [`bench/bench/c${user}`, `token${tokens}`];
      await once({ name: 'bare take', text: take, values: [key, token] });
      await once({ name: 'bare save', text: save, values: [key, token, 'x'.repeat(bare.size), Date.now() + 1_800_000] });
    },
  };
  return bare;
}

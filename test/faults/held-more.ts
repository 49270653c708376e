import type { DbServer } from '../support/db-server.ts';

/** How many transactions of MariaDB `one` has logged that `other` has not, by GTID and server. */
export async function heldMore(one: DbServer, other: DbServer): Promise<number> {
  const [mine, theirs] = await Promise.all([stateOf(one), stateOf(other)]);
  return [...mine].reduce((sum, [origin, last]) => sum + Math.max(0, last - (theirs.get(origin) ?? 0)), 0);
}

/** Last number of each domain and server. */
async function stateOf(server: DbServer): Promise<ReadonlyMap<string, number>> {
  const [row] = await server.admin('SELECT @@gtid_binlog_state AS state');
  const gtids = String(row?.state ?? '')
    .split(',')
    .filter((gtid) => gtid !== '');
  return new Map(
    gtids.map((gtid) => {
      const [domain, origin, number] = gtid.split('-');
      return [`${domain}-${origin}`, Number(number)] as const;
    }),
  );
}

import { expect, it } from 'vitest';
import { ServerError } from '../../../src/errors.ts';
import { mariadb } from '../../../src/mysql/dialects/mariadb.ts';
import { readHazards } from '../../../src/mysql/hazards.ts';

const own = { user: 'mmm', excludeUsers: [] };
type Rows = readonly Readonly<Record<string, string>>[];

/** A server that answers with these rows; null: the account may not ask. */
function server(transactions: Rows | null, prepared: Rows | null) {
  return readHazards(own, mariadb, async ({ sql }) => {
    const rows = sql.includes('INNODB_TRX') ? transactions : prepared;
    if (rows === null) throw new ServerError('faulty', 'denied');
    return rows;
  });
}

it('names the transaction that has been open the longest, and counts the prepared ones', async () => {
  expect(await server([], [])).toEqual({ longest: null, prepared: 0 });
  expect(await server([{ id: '17', user: 'report', seconds: '40' }], [{ data: 'x' }])).toEqual({
    longest: { session: 17, user: 'report', seconds: 40 },
    prepared: 1,
  });
});

it('knows nothing of what the account may not see, and does not fail for it', async () => {
  expect(await server(null, [])).toBeNull();
  expect(await server([], null)).toEqual({ longest: null, prepared: null });
});

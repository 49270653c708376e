/**
 * Faults on real servers and the installed commands, every host a network namespace.
 * `MMM_FAULTS`: names of rows, or `all`; without it the rows that belong to every run.
 */
import { describe, expect, test } from 'vitest';
import { missingForNet } from '../support/net.ts';
import { rows } from './rows/index.ts';
import { runRow } from './run-row.ts';

const asked = (process.env.MMM_FAULTS ?? '').split(',').filter((name) => name !== '');
const chosen = rows.filter(({ name, everyRun }) =>
  asked.length === 0 ? everyRun === true : asked.includes('all') || asked.includes(name),
);
const unknown = asked.filter((name) => name !== 'all' && !rows.some((row) => row.name === name));
if (unknown.length > 0) {
  throw new Error(
    `no row is named ${unknown.join(', ')}; there are: ${rows.map(({ name }) => name).join(', ')}`,
  );
}
const missing = await missingForNet();
if (missing !== null) console.warn(`NO FAULT IS TESTED: this needs ${missing}`);

describe.skipIf(missing !== null)('on hosts that fail', () => {
  for (const row of chosen) {
    test(`${row.name}: ${row.promise}`, async () => {
      const { problems, story } = await runRow(row);
      console.log(`${row.name}: ${row.promise}\n${story}`);
      expect(problems).toEqual([]);
    });
  }
});

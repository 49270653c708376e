import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeGap } from '../support/journal.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { afterReturn, crashUnderLoad, underLoad } from '../support/under-load.ts';

const mysql = await mysql56();

describe.skipIf(mysql === null).each([
  ['with GTID', 'gtid'],
  ['by file and position', 'position'],
] as const)('MySQL 5.6 %s under eight writers', (how, replication) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ replication });
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test('a switchover there and back loses and doubles nothing', async () => {
    const first = await stack.writer();
    const { verdict, journal, disturbedMs } = await underLoad(
      stack,
      // At full speed eight writers are faster than the one applying thread of 5.6, which then has to catch up.
      { work: ['set', 'counter', 'shared'], pauseMs: 15 },
      async (workload) => {
        for (const next of [stack.other(first), first]) {
          const { code, stdout, stderr } = await stack.control('switchover', '--to', next.address);
          expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
          await stack.stable(next);
          await workload.flowing();
        }
      },
    );
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
    const { gapMs } = writeGap(journal, disturbedMs);
    const steps = (await stack.events()).filter(({ kind, from }) => kind === 'switchover' && from !== '');
    const took = steps.map(({ phase, took: ms }) => `${phase} ${ms || 0} ms`).join(', ');
    console.log(`MySQL 5.6 ${how}: write gap of a switchover ${Math.round(gapMs)} ms (${took})`);
    expect(gapMs).toBeLessThan(1_500);
    await stack.healthy();
  });

  // By hand more: MMM_ROUNDS=20.
  const rounds = Number(process.env.MMM_ROUNDS ?? 1);
  test.for(Array.from({ length: rounds }, (_, index) => index + 1))(
    'the writer, kill -9, round %i: the other one takes over, and the old one is judged when it returns',
    async () => {
      const { dead, heir, verdict, gapMs, reportedExtra } = await crashUnderLoad(stack);
      expect(verdict.complaints).toEqual([]);
      expect(await stack.writer()).toBe(heir);
      const found = await afterReturn(stack, dead);
      console.log(`MySQL 5.6 ${how}: write gap after kill -9 ${Math.round(gapMs)} ms, then ${found}`);
      expect(gapMs).toBeLessThan(7_000);
      expect(found).toBe(reportedExtra.has(dead.address) ? 'diverged' : 'online');
    },
  );
});

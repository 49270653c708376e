import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { afterReturn, crashUnderLoad, underLoad } from '../support/under-load.ts';

describe('a server dies under eight writers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test.for([1, 2, 3, 4])(
    'the writer, kill -9, round %i: the other one takes over, nothing is pretended',
    async () => {
      const { dead, heir, verdict, gapMs, reportedExtra } = await crashUnderLoad(stack);
      expect(verdict.complaints).toEqual([]);
      expect(await stack.writer()).toBe(heir);
      console.log(`write gap after kill -9: ${Math.round(gapMs)} ms (target p99 700)`);
      expect(gapMs).toBeLessThan(7_000);
      const found = await afterReturn(stack, dead);
      expect(found).toBe(reportedExtra.has(dead.address) ? 'diverged' : 'online');
      const told = (await stack.events()).filter(({ kind }) => kind === 'failover');
      expect(told.at(-1)).toMatchObject({ from: dead.address, to: heir.address });
    },
  );

  test('the standby, kill -9: clients notice nothing, and it comes back by itself', async () => {
    const writer = await stack.writer();
    const standby = stack.other(writer);
    const before = await stack.stable(writer);
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      await standby.kill9();
      await workload.flowing(200);
      await standby.start();
      await stack.healthy();
    });
    expect(verdict.complaints).toEqual([]);
    expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(await stack.stable()).toMatchObject({ generation: before.generation, writer: writer.address });
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { writeGap } from '../support/journal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { afterReturn, crashUnderLoad, underLoad } from '../support/under-load.ts';

describe('an agent on the machine of the servers, under eight writers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ beside: true });
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test.for([1, 2, 3])('the writer, kill -9, round %i: its death is proven at once', async () => {
    const { dead, verdict, gapMs } = await crashUnderLoad(stack);
    expect(verdict.complaints).toEqual([]);
    console.log(`write gap after kill -9, local agent: ${Math.round(gapMs)} ms (target p50 60, p99 200)`);
    expect(gapMs).toBeLessThan(2_000);
    const told = (await stack.events()).findLast(
      ({ kind, phase }) => kind === 'failover' && phase === 'stable',
    );
    expect(told).toMatchObject({ from: dead.address, proof: 'b' });
    await afterReturn(stack, dead);
  });

  test('the agent stops and starts, and is killed and starts: clients notice nothing', async () => {
    const before = await stack.stable();
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      await stack.agent.term();
      await workload.flowing(50);
      stack.agent.start();
      await stack.agent.ready();
      await leased(stack);
      await stack.agent.kill9();
      stack.agent.start();
      await stack.agent.ready();
      await workload.flowing(100);
    });
    expect(verdict.complaints).toEqual([]);
    expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(await stack.stable()).toMatchObject({ generation: before.generation, writer: before.writer });
  });

  test('the writer freezes: it is killed, and the other one takes over', async () => {
    const frozen = await stack.writer();
    const heir = stack.other(frozen);
    const { verdict, journal, disturbedMs } = await underLoad(stack, {}, async (workload) => {
      frozen.freeze();
      await stack.stable(heir, 30_000);
      await workload.flowing();
      await frozen.start();
    });
    expect(verdict.complaints).toEqual([]);
    console.log(
      `write gap after SIGSTOP: ${Math.round(writeGap(journal, disturbedMs).gapMs)} ms (target 5000)`,
    );
    await afterReturn(stack, frozen);
  });

  test('the agent dies and stays dead: its server closes itself', async () => {
    const writer = await stack.writer();
    await leased(stack);
    await stack.agent.kill9();
    const isClosed = async () => (await writer.admin('SELECT @@read_only AS closed'))[0]?.closed === 1;
    await eventually('the server has closed itself', isClosed, undefined, { withinMs: 10_000 });
    stack.agent.start();
    await stack.agent.ready();
    await stack.stable();
  });
});

/** The writer's agent holds the lease, with a dead-man in the server. */
async function leased(stack: Stack): Promise<void> {
  const armed = () => stack.redis.client.hget(`mysql-${stack.uniqsign}-lease`, 'armed');
  await eventually('the lease is held', armed, (seen) => seen === '1');
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { afterReturn, underLoad } from '../support/under-load.ts';

const NAMES = ['monitor', 'identify', 'agent', 'sidecar'] as const;
const PHASES = ['closing', 'opening', 'stable'] as const;

describe('a daemon dies under eight writers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test.for(NAMES)(
    'mmm-%s at rest, kill -9: clients notice nothing, and it works again when started',
    async (name) => {
      const writer = await stack.writer();
      const before = await stack.stable(writer);
      const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
        await stack[name].kill9();
        await workload.flowing(200);
        await again(stack[name]);
        await workload.flowing(200);
      });
      expect(verdict.complaints).toEqual([]);
      expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      expect(await stack.stable()).toMatchObject({ generation: before.generation, writer: writer.address });
    },
  );

  const cases = NAMES.flatMap((name) => PHASES.map((phase) => [name, phase] as const));
  test.for(cases)('mmm-%s in phase %s of a switchover, kill -9: nothing is lost', async ([name, phase]) => {
    const { verdict } = await underLoad(stack, {}, async () => {
      const { generation } = await stack.stable();
      const asked = stack.control('switchover');
      await reached(stack, generation + 1, phase);
      await stack[name].kill9();
      await again(stack[name]);
      await asked;
      await stack.healthy(30_000);
    });
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
  });

  test.for(NAMES)('mmm-%s in a crash failover, kill -9: the cluster still gets a writer', async (name) => {
    const dead = await stack.writer();
    const { verdict } = await underLoad(stack, {}, async () => {
      const { generation } = await stack.stable();
      const killed = dead.kill9();
      await Promise.race([reached(stack, generation + 1, 'closing'), killed.then(() => undefined)]);
      await stack[name].kill9();
      await again(stack[name]);
      await stack.stable(stack.other(dead), 30_000);
      await dead.start();
    });
    expect(verdict.complaints).toEqual([]);
    await afterReturn(stack, dead);
  });

  test('all of them stopped by TERM and started again open and close nothing', async () => {
    const before = await stack.stable();
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      const started = performance.now();
      const exits = await Promise.all(stack.daemons.map((daemon) => daemon.term()));
      expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(performance.now() - started).toBeLessThan(3_000);
      await workload.flowing(200);
      await Promise.all(stack.daemons.map(again));
      await workload.flowing(200);
    });
    expect(verdict.complaints).toEqual([]);
    expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect(await stack.stable()).toMatchObject({ generation: before.generation, writer: before.writer });
  });
});

async function again(daemon: Daemon): Promise<void> {
  daemon.start();
  await daemon.ready();
}

/** Resolves as soon as the handover is in `phase`, or past it: phases last milliseconds. */
async function reached(stack: Stack, generation: number, phase: (typeof PHASES)[number]): Promise<void> {
  await eventually(
    `generation ${generation} is ${phase}`,
    () => stack.topology(),
    (seen) =>
      seen !== null && seen.generation >= generation && PHASES.indexOf(phase) <= phaseNumber(seen.phase),
    { everyMs: 0, withinMs: 10_000 },
  );
}

function phaseNumber(phase: string): number {
  const index = (PHASES as readonly string[]).indexOf(phase);
  return index === -1 ? PHASES.length : index;
}

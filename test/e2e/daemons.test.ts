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

  /** The simulation has every daemon die at every step; here are those that a phase waits for. */
  const cases = [
    ['identify', 'closing'],
    ['agent', 'closing'],
    ['sidecar', 'closing'],
    ['identify', 'opening'],
    ['agent', 'opening'],
    ['agent', 'stable'],
  ] as const;
  test.for(cases)('mmm-%s in phase %s of a switchover, kill -9: nothing is lost', async ([name, phase]) => {
    const { verdict } = await underLoad(stack, {}, async () => {
      let hit = false;
      // A phase lasts milliseconds: a handover that was quicker than the look at it does not count.
      for (let attempt = 1; attempt <= 10 && !hit; attempt += 1) {
        const { generation } = await stack.stable();
        const asked = stack.control('switchover');
        hit = (await firstLookAt(stack, generation + 1, phase)) === phase;
        if (hit) await stack[name].kill9();
        if (hit) await again(stack[name]);
        await asked;
        await stack.healthy(30_000);
      }
      expect(hit).toBe(true);
    });
    expect(verdict).toMatchObject({ complaints: [], lost: 0 });
  });

  test.for(['monitor', 'identify', 'agent'] as const)(
    'mmm-%s in a crash failover, kill -9: the cluster still gets a writer',
    async (name) => {
      const dead = await stack.writer();
      const { verdict } = await underLoad(stack, {}, async () => {
        const { generation } = await stack.stable();
        const killed = dead.kill9();
        await Promise.all([killed, firstLookAt(stack, generation + 1, 'closing')]);
        await stack[name].kill9();
        await again(stack[name]);
        await stack.stable(stack.other(dead), 30_000);
        await dead.start();
      });
      expect(verdict.complaints).toEqual([]);
      await afterReturn(stack, dead);
    },
  );

  test('all of them stopped by TERM and started again open and close nothing', async () => {
    const before = await stack.stable();
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      const started = performance.now();
      const exits = await Promise.all(stack.daemons.map((daemon) => daemon.term()));
      expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
      expect(performance.now() - started).toBeLessThan(30_000);
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

/** The phase in which the handover was first seen that is `phase` or past it. */
async function firstLookAt(
  stack: Stack,
  generation: number,
  phase: (typeof PHASES)[number],
): Promise<string | undefined> {
  const seen = await eventually(
    `generation ${generation} is ${phase}`,
    () => stack.topology(),
    (now) => now !== null && now.generation >= generation && numberOf(phase) <= numberOf(now.phase),
    { everyMs: 0, withinMs: 10_000 },
  );
  return seen?.generation === generation ? seen.phase : undefined;
}

function numberOf(phase: string): number {
  const index = (PHASES as readonly string[]).indexOf(phase);
  return index === -1 ? PHASES.length : index;
}

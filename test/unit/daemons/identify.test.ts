import { describe, expect, it } from 'vitest';
import { type MemberReport, Probe, type Topology } from '../../../src/core/model.ts';
import type { Health } from '../../../src/core/situation.ts';
import { createIdentify, type Identify } from '../../../src/daemons/identify.ts';
import { CommandError, HubError, MmmError } from '../../../src/errors.ts';
import type { Clock, Log, Memory } from '../../../src/ports.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { A, B, cluster, link, look, policy, refused, silent, stable, word } from '../../support/world.ts';

const S = cluster.uniqsign;
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

function memory(): Memory {
  const floors = new Map<string, number>();
  return {
    floor: (sign) => floors.get(sign) ?? 0,
    raise: async (sign, generation) => void floors.set(sign, generation),
    spent: () => 0,
    spend: async () => undefined,
    kept: () => null,
    keep: async () => undefined,
    clusters: () => [],
  };
}

/** Redis with a stable topology, a monitor and an agent that report what the test says, and identifies around it. */
async function site(
  over: Partial<typeof policy> = {},
  fence: (() => Promise<unknown>) | null = null,
  disk: Memory = memory(),
) {
  let nowMs = 50_000;
  let seq = 0;
  const clock: Clock = { now: () => nowMs, epochMs: () => nowMs, sleep: async () => undefined };
  const hub = createMemoryHub();
  const wanted = { ...policy, ...over };
  const incarnation = (await hub.read(S)).incarnation;
  const commit = { basedOn: null, events: [], legacy: null, announceOn: null, takes: null, answers: [] };
  await hub.commit({
    ...commit,
    next: stable({ policy: wanted, incarnation, sidecars: [], routedBySidecars: false }),
  });
  const standby = look(B, A, { links: [link(A, { io: 'connecting' })] });
  const view: { a: Health; words: Record<string, MemberReport> } = {
    a: { status: 'up', forMs: 9000, failures: 0, reason: '', look: look(A, B, { readOnly: false }) },
    words: {
      [A]: word({ did: 'opened', look: look(A, B, { readOnly: false }), startsClosed: true }),
      [B]: word({ look: standby }),
    },
  };

  async function report(): Promise<void> {
    seq += 1;
    const b: Probe = { status: 'up', forMs: 9000, failures: 0, reason: '', look: standby };
    const a = Probe.parse(view.a);
    await hub.putFacts({ v: 1, id: 'monitor1', uniqsign: S, seq, members: { [A]: a, [B]: b } });
    await hub.putAgentReport(S, {
      v: 1,
      id: 'agent1',
      serves: [A, B],
      generation: 42,
      step: 0,
      floor: 42,
      did: 'watching',
      position: null,
      seq,
      members: view.words,
      blocks: false,
    });
  }

  return {
    hub,
    view,
    make: (id: string): Identify =>
      createIdentify({
        id,
        cluster: { ...cluster, policy: wanted, canFence: fence !== null },
        topic: 'topic',
        repairMs: 3000,
        hub,
        clock,
        memory: disk,
        log,
        fenceCommand: fence === null ? null : { words: ['off'], run: fence },
        onNews: () => undefined,
      }),
    /** Lets these run for a while; each looks every 100 ms. */
    async run(forMs: number, ...those: readonly Identify[]): Promise<void> {
      for (const until = nowMs + forMs; nowMs < until; nowMs += 100) {
        await report();
        for (const one of those) while (await one.step());
      }
    },
    topology: async (): Promise<Topology | null> => (await hub.read(S)).topology,
  };
}

describe('two mmm-identify', () => {
  it('one decides; when it dies in the middle of a handover the other one ends it', async () => {
    const { hub, view, make, run, topology } = await site();
    const [first, second] = [make('one'), make('two')];
    await run(2000, first, second);
    expect((await hub.read(S)).leader?.id).toBe('one');
    view.a = refused(300);
    view.words = { ...view.words, [A]: word({ did: 'unreachable', startsClosed: null }) };
    await run(100, first, second);
    expect(await topology()).toMatchObject({ generation: 43, phase: 'opening', from: A, to: B });
    view.words = {
      ...view.words,
      [B]: word({ generation: 43, did: 'opened', look: look(B, A, { readOnly: false }) }),
    };
    await run(1000, second);
    expect((await topology())?.phase).toBe('opening');
    await run(1500, second);
    expect(await topology()).toMatchObject({ generation: 43, phase: 'stable', writer: B });
    expect((await hub.read(S)).leader?.id).toBe('two');
  });

  it('one that only watches changes nothing, whatever it sees', async () => {
    const { view, make, run, topology, hub } = await site();
    const [first, second] = [make('one'), make('two')];
    await run(1000, first, second);
    view.a = refused(60_000);
    await hub.lead(S, 'one', null);
    await run(1000, second);
    expect(await topology()).toMatchObject({ generation: 42, phase: 'stable', writer: A });
  });
});

it('one whose disk is full decides all the same, and goes by what it has seen', async () => {
  const full = memory();
  const raise = async (sign: string, generation: number): Promise<void> => {
    await full.raise(sign, generation);
    throw new MmmError('MEMORY', 'cannot write the state directory: no space left');
  };
  const { view, make, run, topology } = await site({}, null, { ...full, raise });
  const identify = make('one');
  await run(2000, identify);
  view.a = refused(300);
  view.words = { ...view.words, [A]: word({ did: 'unreachable', startsClosed: true }) };
  await run(500, identify);
  expect(await topology()).toMatchObject({ generation: 43, phase: 'opening', to: B });
});

it('one whose reading fails as it takes the lead starts its stopwatches anew with the next', async () => {
  const { hub, make, run, topology, view } = await site();
  const [first, second] = [make('one'), make('two')];
  await run(2000, first, second);
  await first.resign();
  const read = hub.read;
  Object.assign(hub, { read: async () => Promise.reject(new HubError('Redis is away')) });
  await run(300);
  await expect(second.step()).rejects.toThrow('Redis is away');
  Object.assign(hub, { read });
  view.a = refused(60_000);
  view.words = { [B]: word({ look: look(B, A) }) };
  await run(100, second);
  expect(await topology()).toMatchObject({ generation: 42, phase: 'stable' });
  await run(1000, second);
  expect((await topology())?.generation).toBeGreaterThan(42);
});

describe('fence_cmd', () => {
  const dead = async (outcome: Promise<unknown>) => {
    let runs = 0;
    const fence = (): Promise<unknown> => {
      runs += 1;
      return outcome;
    };
    const { view, make, run, topology } = await site({ fencing: 'strict' }, fence);
    const identify = make('one');
    await run(2000, identify);
    view.a = silent(4000);
    view.words = { [B]: word({ look: look(B, A) }) };
    await run(4000, identify);
    return { runs, topology: await topology() };
  };

  it('is run once, and its success lets the standby open', async () => {
    const { runs, topology } = await dead(Promise.resolve());
    expect(runs).toBe(1);
    expect(topology).toMatchObject({ phase: 'opening', proof: 'd', from: A, to: B });
  });

  it('that fails is not run again in this generation, and nobody is opened by it', async () => {
    const failure = Promise.reject(new CommandError('off failed with exit code 1'));
    failure.catch(() => undefined);
    const { runs, topology } = await dead(failure);
    expect(runs).toBe(1);
    expect(topology).toMatchObject({ phase: 'closing', writer: null });
  });
});

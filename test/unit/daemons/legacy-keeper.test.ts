import { expect, test } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { createLegacyKeeper } from '../../../src/daemons/legacy-keeper.ts';
import { clusterKey } from '../../../src/hub/keys.ts';
import type { Log } from '../../../src/ports.ts';
import { A, aPolicy, aTopology, B, SIGN } from '../../support/documents.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';

const TOPIC = 'mmm-switch-channel';

test('a changed pair is put back within the interval, with its time, and the rival is warned of', async () => {
  const { hub, keeper, clock, warnings, setKey, master } = await site(aTopology());
  const look = async () => {
    const state = await hub.read(SIGN);
    await keeper.keep(state.topology, state.legacy);
  };
  await look();
  expect(await master()).toMatchObject({ host: A, passive: B, generation: '42', since: '17' });
  setKey('master', { host: B, since: '99' });
  clock.ms += 2_999;
  await look();
  expect(await master()).toMatchObject({ host: B });
  clock.ms += 1;
  await look();
  expect(await master()).toMatchObject({ host: A, since: '17', phase: 'stable' });
  expect(warnings.join()).toContain('is a Perl mmm-identify still running?');
  hub.redis.remove(clusterKey(SIGN, 'master'));
  clock.ms += 3_000;
  await look();
  expect(await master()).toMatchObject({ host: A, since: '17' });
  expect(warnings).toHaveLength(1);
});

test.for(['closing', 'opening'] as const)('in a handover (%s) nothing is touched', async (phase) => {
  const { hub, keeper, setKey, master } = await site(aTopology({ phase, writer: null, from: A, to: B }));
  setKey('master', { host: B });
  const before = hub.snapshot();
  const state = await hub.read(SIGN);
  await keeper.keep(state.topology, state.legacy);
  expect(await master()).toEqual({ host: B });
  expect(hub.snapshot()).toEqual(before);
});

test('while nobody writes the pair stays, and the configuration is put right', async () => {
  const { hub, keeper, setKey, master } = await site(aTopology({ phase: 'halted', writer: null }));
  setKey('master', { host: B });
  const state = await hub.read(SIGN);
  await keeper.keep(state.topology, state.legacy);
  expect(await master()).toEqual({ host: B });
  expect((await hub.read(SIGN)).legacy).toMatchObject({ primaryhost: A, secondaryhost: B, members: [A, B] });
});

test('without a topology nothing is touched: the keys may be those of a running ancestor', async () => {
  const { hub, keeper } = await site(null);
  const state = await hub.read(SIGN);
  await keeper.keep(state.topology, state.legacy);
  expect(hub.snapshot().size).toBe(0);
});

async function site(topology: Topology | null) {
  const hub = createMemoryHub();
  const messages: string[] = [];
  hub.redis.subscribe((channel, text) => channel === TOPIC && messages.push(text));
  const bare = { basedOn: null, events: [], announceOn: null, takes: null, answers: [] };
  if (topology !== null) {
    const legacy = topology.writer === null ? null : { active: A, passive: B, sinceEpochMs: 17 };
    await hub.commit({ ...bare, next: topology, legacy });
  }
  const clock = { ms: 0, now: () => clock.ms, epochMs: () => 1, sleep: async () => undefined };
  const warnings: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_, text) => warnings.push(text),
    error: () => undefined,
    child: () => log,
  };
  const cluster = { uniqsign: SIGN, tag: 'mysql3308', masters: [A, B], policy: aPolicy, canFence: false };
  const keeper = createLegacyKeeper({ cluster, repairMs: 3_000, hub, clock, log });
  const setKey = (name: 'master', fields: Readonly<Record<string, string>>) => {
    const hash = hub.redis.need(clusterKey(SIGN, name), 'hash').fields;
    for (const [field, value] of Object.entries(fields)) hash.set(field, value);
  };
  const master = async () =>
    Object.fromEntries(hub.redis.find(clusterKey(SIGN, 'master'), 'hash')?.fields ?? []);
  return { hub, keeper, clock, warnings, messages, setKey, master };
}

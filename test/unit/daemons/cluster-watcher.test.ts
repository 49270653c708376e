import { expect, test } from 'vitest';
import type { TargetState } from '../../../src/core/sidecar-deed.ts';
import { createWatcher, type Watcher } from '../../../src/daemons/cluster-watcher.ts';
import type { Wanted } from '../../../src/daemons/steering.ts';
import type { Target } from '../../../src/daemons/target.ts';
import { clusterKey } from '../../../src/hub/keys.ts';
import type { Hub, Log } from '../../../src/ports.ts';
import { createClock } from '../../../src/system/clock.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { createNotebook } from '../../support/notebook.ts';

test("a writer that haproxy's own check holds for down is in the report although it is routed", async () => {
  expect(
    await reportOf({ down: true, routeDetail: "haproxy's own check says that a is down" }),
  ).toMatchObject({
    did: 'routed',
    detail: "haproxy: haproxy's own check says that a is down; up to date",
  });
  expect(await reportOf({ routeDetail: 'open to a' })).toMatchObject({ did: 'routed', detail: '' });
});

test("the ancestor's keys are led to like a topology, under generation 0 and without an event", async () => {
  const hub = createMemoryHub();
  const keysName = (host: string, passive: string) => {
    hub.redis.need(clusterKey(SIGN, 'master'), 'hash').fields.set('host', host);
    hub.redis.need(clusterKey(SIGN, 'mode'), 'hash').fields.set('active', host).set('passive', passive);
  };
  const led: (string | null)[] = [];
  const target = targetWith({}, (wanted) => void led.push(wanted.topology.writer));
  const watcher = watcherOf(hub, target);
  const look = async () => {
    await (await watcher.look()).attempted;
    watcher.report();
    await watcher.reported();
    return (await hub.read(SIGN)).sidecars[0];
  };
  keysName(A, B);
  const followed = { generation: 0, floor: 0, did: 'routed', detail: 'follows the Perl mmm-identify' };
  expect(await look()).toMatchObject({ ...followed, step: 1, serves: [A, B] });
  expect(await look()).toMatchObject({ ...followed, step: 1 });
  keysName(B, A);
  expect(await look()).toMatchObject({ ...followed, step: 2 });
  expect(led).toEqual([A, B]);
  keysName('10.66.66.66:3306', A);
  expect((await look())?.detail).toContain('"10.66.66.66:3306" is not in members=');
  expect(led).toEqual([A, B]);
  expect(await hub.events(SIGN, 5)).toEqual([]);
});

async function reportOf(over: Partial<TargetState>) {
  const hub = createMemoryHub();
  const next = aTopology();
  const change = {
    basedOn: null,
    next,
    events: [],
    legacy: null,
    announceOn: null,
    takes: null,
    answers: [],
  };
  await hub.commit(change);
  const watcher = watcherOf(hub, targetWith(over));
  await (await watcher.look()).attempted;
  watcher.report();
  await watcher.reported();
  return (await hub.read(SIGN)).sidecars[0];
}

function targetWith(over: Partial<TargetState>, want: (wanted: Wanted) => void = () => undefined): Target {
  const state: TargetState = {
    ...{ name: 'haproxy', route: 'done', file: 'written', down: false },
    ...{ routeDetail: '', fileDetail: 'up to date', tookMs: 1 },
    ...over,
  };
  return {
    name: 'haproxy',
    canCut: true,
    want: async (wanted) => want(wanted),
    state: () => state,
    touched: () => undefined,
    rest: async () => undefined,
  };
}

function watcherOf(hub: Hub, target: Target): Watcher {
  return createWatcher({
    ...{ id: 'side1', targets: [target], hub, clock: createClock(), log: quiet },
    allowed: { tag: 'mysql3308', uniqsign: SIGN, members: [A, B] },
    memory: createNotebook(),
    serverIds: { of: () => '', refresh: async () => undefined },
  });
}

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

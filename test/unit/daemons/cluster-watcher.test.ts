import { expect, test } from 'vitest';
import type { TargetState } from '../../../src/core/sidecar-deed.ts';
import { createWatcher } from '../../../src/daemons/cluster-watcher.ts';
import type { Target } from '../../../src/daemons/target.ts';
import type { Log } from '../../../src/ports.ts';
import { createClock } from '../../../src/system/clock.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';

test("a writer that haproxy's own check holds for down is in the report although it is routed", async () => {
  expect(
    await reportOf({ down: true, routeDetail: "haproxy's own check says that a is down" }),
  ).toMatchObject({
    did: 'routed',
    detail: "haproxy: haproxy's own check says that a is down; up to date",
  });
  expect(await reportOf({ routeDetail: 'open to a' })).toMatchObject({ did: 'routed', detail: '' });
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
  const state: TargetState = {
    ...{ name: 'haproxy', route: 'done', file: 'written', down: false },
    ...{ routeDetail: '', fileDetail: 'up to date', tookMs: 1 },
    ...over,
  };
  const target: Target = {
    name: 'haproxy',
    canCut: true,
    want: async () => undefined,
    state: () => state,
    touched: () => undefined,
    rest: async () => undefined,
  };
  const watcher = createWatcher({
    ...{ id: 'side1', targets: [target], hub, clock: createClock(), log: quiet },
    allowed: { tag: next.tag, uniqsign: SIGN, members: [A, B] },
    memory: { floor: () => 0, raise: async () => undefined, spent: () => 0, spend: async () => undefined },
    serverIds: { of: () => '', refresh: async () => undefined },
  });
  await (await watcher.look()).attempted;
  watcher.report();
  await watcher.reported();
  return (await hub.read(SIGN)).sidecars[0];
}

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

import { expect, it } from 'vitest';
import { fence } from '../../../src/daemons/fence.ts';
import { createLocalProcess } from '../../../src/daemons/local-process.ts';
import { createNeighbours } from '../../../src/daemons/neighbours.ts';
import type { LocalServer, Log, ServerProcess } from '../../../src/ports.ts';
import { anAgentReport } from '../../support/documents.ts';
import { createFakeLocalServer } from '../../support/fake-local-server.ts';
import { createFakeWorld } from '../../support/fake-server.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { createMemoryRedis } from '../../support/memory-redis.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { A, stable, word } from '../../support/world.ts';

const former: ServerProcess = { pid: 1, startedAt: 'then' };
const successor: ServerProcess = { pid: 2, startedAt: 'now' };
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** `former` is gone, whoever asks. */
function hostWith(now: { process: ServerProcess | null; startsClosed: boolean | null }): LocalServer {
  return {
    find: async () => now.process,
    isGone: async (one) => one.pid === former.pid && now.process?.pid !== former.pid,
    kill: async () => undefined,
    startsClosed: async () => now.startsClosed ?? new Promise(() => undefined),
  };
}

it('a process that cannot be told from its successor proves nothing by its death', async () => {
  const now: { process: ServerProcess | null; startsClosed: boolean | null } = {
    process: former,
    startsClosed: true,
  };
  const clock = createVirtualClock();
  const process = createLocalProcess({ address: A, host: hostWith(now), clock, log, startsClosed: null });
  expect(await process.isSame()).toBe(false);
  expect(await process.isSame()).toBe(true);
  // Another one serves, and cannot be seen: it may end later than it stops listening.
  now.process = null;
  expect(await process.isSame()).toBe(false);
  const died = process.hasDied();
  await clock.pass(100);
  expect(await died).toBe(false);
});

it('how a process starts says nothing of the next one', async () => {
  const now: { process: ServerProcess | null; startsClosed: boolean | null } = {
    process: former,
    startsClosed: true,
  };
  const clock = createVirtualClock();
  const process = createLocalProcess({ address: A, host: hostWith(now), clock, log, startsClosed: null });
  await process.isSame();
  await clock.pass(0);
  expect(process.startsClosed()).toBe(true);
  Object.assign(now, { process: successor, startsClosed: null });
  await process.isSame();
  expect(process.startsClosed()).toBeNull();
});

it('a server is not called gone when the process that was recorded is not the one that serves', async () => {
  const clock = createVirtualClock();
  const world = createFakeWorld([{ address: A, writable: true }], clock.now);
  const host = createFakeLocalServer(world.server(A));
  world.server(A).freeze();
  const done = fence({ server: world.adapter(A), host, process: former, clock, log, killAtMs: 1000 });
  await clock.pass(3000);
  expect(await done).toBe('failed');
  expect(world.server(A).state).toBe('frozen');
});

it('a member is not left to an agent that has moved away from its machine', async () => {
  const clock = createVirtualClock();
  const hub = createMemoryHub(createMemoryRedis({ now: clock.now }));
  const neighbours = createNeighbours('central', clock);
  const { uniqsign } = stable();
  const report = anAgentReport();
  for (const local of [true, false]) {
    await hub.putAgentReport(uniqsign, { ...report, seq: local ? 1 : 2, members: { [A]: word({ local }) } });
    neighbours.note(uniqsign, await hub.read(uniqsign));
    expect(neighbours.localAgentOf(uniqsign, A)).toBe(local ? report.id : null);
  }
});

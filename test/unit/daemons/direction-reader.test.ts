import { expect, test } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { createDirectionReader } from '../../../src/daemons/direction-reader.ts';
import { clusterKey } from '../../../src/hub/keys.ts';
import type { Log } from '../../../src/ports.ts';
import { A, anAgentReport, aSidecarReport, aTopology, B, SIGN } from '../../support/documents.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { createNotebook } from '../../support/notebook.ts';

test("the ancestor's keys are followed while there has never been a topology, said once", async () => {
  const { reader, keysName, said } = site();
  expect(await reader.read()).toBeNull();
  keysName(A, B);
  expect(await reader.read()).toMatchObject({ generation: 0, step: 1, writer: A });
  expect(await reader.read()).toMatchObject({ step: 1, writer: A });
  keysName(B, A);
  expect(await reader.read()).toMatchObject({ step: 2, writer: B });
  expect(said).toHaveLength(1);
  expect(said[0]).toContain('follows the Perl mmm-identify');
});

test('a topology takes over for ever, also when it is lost', async () => {
  const { reader, keysName, commit, hub, said } = site();
  keysName(A, B);
  await reader.read();
  await commit(aTopology({ generation: 1, writer: B }));
  keysName(A, B);
  expect(await reader.read()).toMatchObject({ generation: 1, writer: B });
  hub.redis.remove(clusterKey(SIGN, 'topology'));
  expect(await reader.read()).toBeNull();
  expect(await reader.read()).toBeNull();
  expect(said.at(-1)).toContain('the topology is gone from redis');
  expect(said).toHaveLength(2);
});

test('one that has ever seen a generation follows no keys: they may be old', async () => {
  const { reader, keysName } = site({ floor: 7 });
  keysName(A, B);
  expect(await reader.read()).toBeNull();
});

test('one that nobody has told yet waits where others have seen a generation, its own old report aside', async () => {
  const agent = site();
  agent.keysName(A, B);
  await agent.hub.putAgentReport(SIGN, anAgentReport({ floor: 7 }));
  expect(await agent.reader.read()).toBeNull();
  expect(agent.said.join()).toContain('others have seen one');
  const own = site();
  own.keysName(A, B);
  await own.hub.putSidecarReport(SIGN, aSidecarReport({ id: 'side1', floor: 7 }));
  expect(await own.reader.read()).toMatchObject({ writer: A });
});

test.each(['{"v":2}', 'x'.repeat(70_000), 'caf\u00e9'])(
  'a topology that cannot be understood here still decides, aloud, also when it is gone',
  async (text) => {
    const { reader, keysName, hub, said } = site();
    keysName(A, B);
    hub.redis.setString(clusterKey(SIGN, 'topology'), text);
    expect(await reader.read()).toBeNull();
    expect(said).toEqual([expect.stringContaining('cannot be understood')]);
    hub.redis.remove(clusterKey(SIGN, 'topology'));
    expect(await reader.read()).toBeNull();
  },
);

test('keys that name a generation were written after a topology: they are not followed', async () => {
  const { reader, keysName, hub, said } = site();
  keysName(A, B);
  hub.redis.need(clusterKey(SIGN, 'master'), 'hash').fields.set('generation', '41');
  expect(await reader.read()).toBeNull();
  expect(said.join()).toContain('others have seen one');
});

function site({ floor = 0 }: { readonly floor?: number } = {}) {
  const hub = createMemoryHub();
  const said: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_, text) => said.push(text),
    error: () => undefined,
    child: () => log,
  };
  const reader = createDirectionReader({
    ...{ id: 'side1', hub, log, allowed: { tag: 'mysql3308', uniqsign: SIGN, members: [A, B] } },
    memory: { ...createNotebook(), floor: () => floor, raise: async () => undefined },
  });
  const keysName = (active: string, passive: string) => {
    const mode = hub.redis.need(clusterKey(SIGN, 'mode'), 'hash').fields;
    mode.set('active', active).set('passive', passive);
    hub.redis.need(clusterKey(SIGN, 'master'), 'hash').fields.set('host', active);
  };
  const commit = async (next: Topology) => {
    const bare = { events: [], legacy: null, announceOn: null, takes: null, answers: [] };
    await hub.commit({ ...bare, basedOn: null, next });
  };
  return { hub, reader, said, keysName, commit };
}

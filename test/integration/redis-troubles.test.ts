/** What is wrong with a real Redis is told with the setting that mends it. */
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Hub } from '../../src/ports.ts';
import { aCommit, everyMethod, pairOf } from '../contract/hub.contract.ts';
import { A, aTopology, B, SIGN, someFacts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ args: ['--enable-protected-configs', 'yes'] });
});
afterAll(() => server[Symbol.asyncDispose]());

type HubOptions = Partial<Parameters<typeof createRedisHub>[0]>;

function hubOf(over: HubOptions = {}): { readonly hub: Hub } & AsyncDisposable {
  const hub = createRedisHub({ host: server.host, port: server.port, ...over });
  return { hub, [Symbol.asyncDispose]: () => hub.close() };
}

/** Why it was refused, or that it was not. */
function told(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

it('an account without any permission is mended by running what the errors say, and then lacks nothing', async () => {
  const { client } = server;
  await client.call('ACL', 'SETUSER', 'mmm', 'reset', 'on', '>secret');
  await using it = hubOf({ username: 'mmm', password: 'secret', topic: 'switches' });
  const mended: string[] = [];
  const announced = aCommit(aTopology(), { ...pairOf(A, B), announceOn: 'switches' });
  const deeds = [() => it.hub.commit(announced), ...everyMethod(it.hub)];
  for (let done = 0; done < deeds.length; ) {
    const said = await told(deeds[done]?.() ?? Promise.resolve());
    if (said === 'nothing') {
      done += 1;
      continue;
    }
    expect(said).toContain('does not permit this to user "mmm"');
    const [, ...rule] = /run there: (ACL SETUSER mmm .+)$/.exec(said)?.[1]?.split(' ') ?? [];
    await client.call('ACL', ...rule);
    mended.push(rule.join(' '));
    expect(mended.length).toBeLessThan(6);
  }
  console.log(`rules that made an account whole: ${mended.join('; ')}`);
  const hints: string[] = [];
  await it.hub.watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
  await eventually('a hint', async () => {
    await it.hub.putFacts(someFacts());
    return hints.includes('facts');
  });
  await expect(client.call('ACL', 'DRYRUN', 'mmm', 'FLUSHALL')).resolves.toContain('no permissions');
  await expect(client.call('ACL', 'DRYRUN', 'mmm', 'SET', 'other', 'x')).resolves.toContain('no permissions');
});

it('an account that may not read the run id is refused: a Redis that lost everything could not be told', async () => {
  await server.client.call('ACL', 'SETUSER', 'blind', 'reset', 'on', '>p', '~*', '&*', '+@all', '-info');
  await using it = hubOf({ username: 'blind', password: 'p' });
  expect(await told(it.hub.read(SIGN))).toMatch(/does not permit this.*\+info/);
});

it('a Redis that cannot write says why: memory full, too few replicas, itself a replica', async () => {
  const { client } = server;
  await using it = hubOf();
  const write = () => told(it.hub.putFacts(someFacts()));
  await client.config('SET', 'maxmemory', '1');
  expect(await write()).toContain('its memory is full: raise its maxmemory');
  await client.config('SET', 'maxmemory', '0');
  await client.config('SET', 'min-replicas-to-write', '1');
  expect(await write()).toContain('min-replicas-to-write');
  await client.config('SET', 'min-replicas-to-write', '0');
  await client.replicaof('127.0.0.1', '1');
  expect(await write()).toContain('read-only replica: [redis] host must name the primary');
  await client.config('SET', 'replica-serve-stale-data', 'no');
  expect(await told(it.hub.read(SIGN))).toContain('lost its primary: [redis] host must name the primary');
  await client.replicaof('NO', 'ONE');
  expect(await write()).toBe('nothing');
});

it('a Redis that cannot save to its disk says so', async () => {
  const { client } = server;
  const [, dir = ''] = (await client.config('GET', 'dir')) as string[];
  await client.config('SET', 'dir', '/proc');
  await client.config('SET', 'save', '900 1');
  await client.bgsave();
  await using it = hubOf();
  await eventually('refuses to write', async () =>
    (await told(it.hub.putFacts(someFacts()))).includes(
      'cannot save to its own disk: see its log and make room there',
    ),
  );
  await client.config('SET', 'save', '');
  await client.config('SET', 'dir', dir);
  expect(await told(it.hub.putFacts(someFacts()))).toBe('nothing');
});

it('a Redis that still loads its data says so, and is used as soon as it has', async () => {
  const slowly = ['--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024'];
  await using loading = await startRedis({ args: ['--rdbcompression', 'no', ...slowly] });
  for (let key = 0; key < 20; key += 1) await loading.client.set(`k${key}`, 'x'.repeat(2048));
  await loading.client.save();
  const restarted = loading.restart();
  await using it = hubOf({ port: loading.port });
  await eventually('loading', async () =>
    (await told(it.hub.clusters())).includes('is still loading its data: wait'),
  );
  await restarted;
  await eventually('works', async () => (await told(it.hub.clusters())) === 'nothing');
});

it('a Redis in cluster mode is refused with the reason', async () => {
  await using member = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  await using it = hubOf({ port: member.port });
  expect(await told(it.hub.clusters())).toContain('part of a Redis cluster, which is not supported');
});

it.for<[string, (visitor: Socket) => void, string]>([
  ['a web server', (visitor) => visitor.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'does not speak as Redis'],
  ['a MySQL server', (visitor) => visitor.write('J\0\0\0\n5.6.51-log\0'), 'does not speak as Redis'],
  ['somebody who hangs up', (visitor) => visitor.destroy(), 'or does it want TLS?'],
  ['somebody who says nothing', () => undefined, 'did not answer within 400 ms'],
])('%s in the place of Redis is found out', async ([, greet, reason]) => {
  const impostor = createServer((visitor) => {
    visitor.on('error', () => undefined);
    visitor.once('data', () => greet(visitor));
  });
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  const at = impostor.address();
  await using it = hubOf({ port: typeof at === 'object' && at !== null ? at.port : 0 });
  await eventually('the reason', async () => (await told(it.hub.clusters())).includes(reason));
  impostor.close();
});

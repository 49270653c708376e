import { afterAll, beforeAll, expect, it } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Hint } from '../../src/ports.ts';
import { SIGN, someFacts } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const PASSWORD = 'correct horse';
let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ password: PASSWORD });
  await server.client.acl('SETUSER', 'reader', 'on', '>secret', '~*', '+@read', '+info', '+evalsha', '+eval');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function hubWith(over: Partial<Parameters<typeof createRedisHub>[0]> = {}) {
  const hub = createRedisHub({ host: server.host, port: server.port, password: PASSWORD, ...over });
  return { hub, [Symbol.asyncDispose]: () => hub.close() };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'it worked',
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(HubError);
  return error instanceof HubError ? `${error.message} ${JSON.stringify(error)} ${String(error.cause)}` : '';
}

it('a missing password is named with its setting', async () => {
  await using it = hubWith({ password: null });
  expect(await refusal(it.hub.clusters())).toContain('asks for a password: set [redis] password');
  await eventually('still says so', async () =>
    (await refusal(it.hub.clusters())).includes('[redis] password'),
  );
});

it('a wrong password is named with its setting, and never shown', async () => {
  await using it = hubWith({ password: 'hunter2' });
  const text = await refusal(it.hub.clusters());
  expect(text).toContain('correct [redis] password');
  expect(text).not.toContain('hunter2');
});

it('a missing permission is named with the user', async () => {
  await using it = hubWith({ username: 'reader', password: 'secret' });
  expect(await refusal(it.hub.putFacts(someFacts()))).toMatch(
    /does not permit this to user "reader".*ACL SETUSER/,
  );
});

it('a closed port and an unknown host are named with the setting', async () => {
  const [port = 0] = await freePorts(1);
  await using refused = hubWith({ port });
  expect(await refusal(refused.hub.clusters())).toContain(
    'nobody listens there; start Redis or correct [redis] host',
  );
  await using unknown = hubWith({ host: 'no-such-host.invalid' });
  await eventually('the name', async () =>
    (await refusal(unknown.hub.clusters())).includes('correct [redis] host'),
  );
});

it('a database that Redis does not have is refused, not replaced by database 0', async () => {
  await using it = hubWith({ db: 99 });
  await eventually('the setting', async () =>
    (await refusal(it.hub.putFacts(someFacts()))).includes('[redis] db'),
  );
  expect(await server.client.exists(`mysql-${SIGN}-facts-monitor1`)).toBe(0);
});

it('a program that starts before Redis works once Redis is there, and its watchers are told', async () => {
  await using late = await startRedis();
  await late.kill9();
  await using it = hubWith({ port: late.port, password: null });
  const hints: Hint[] = [];
  const start = performance.now();
  await it.hub.watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
  await refusal(it.hub.read(SIGN));
  expect(performance.now() - start).toBeLessThan(8_000);
  await late.restart();
  await eventually('read', () => it.hub.read(SIGN));
  await eventually('the hint', () => hints.includes('reconnected'));
  await eventually('hints flow', async () => {
    await it.hub.putFacts(someFacts());
    return hints.includes('facts');
  });
});

it('connections that were cut are replaced, and watchers are told to read again', async () => {
  await using it = hubWith();
  const hints: Hint[] = [];
  await it.hub.watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually('the hint', () => hints.includes('reconnected'));
  await it.hub.putFacts(someFacts());
  await eventually('hints flow', () => hints.includes('facts'));
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await eventually('read', () => it.hub.read(SIGN));
});

it('a frozen Redis is noticed by watchers although no connection breaks', async () => {
  await using it = hubWith();
  const hints: Hint[] = [];
  await it.hub.watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
  const clients = Number((await server.client.info('clients')).match(/connected_clients:(\d+)/)?.[1]);
  expect(clients).toBeGreaterThan(1);
  server.freeze();
  await eventually('calls fail', async () => (await refusal(it.hub.read(SIGN))) !== '');
  // Longer than a heartbeat and its bound: by then the old connections have been given up.
  await new Promise((resolve) => setTimeout(resolve, 1600));
  server.thaw();
  await eventually('the hint', () => hints.includes('reconnected'));
  await eventually('hints flow', async () => {
    await it.hub.putFacts(someFacts());
    return hints.includes('facts');
  });
});

it('hundreds of calls at the start all wait for the one connection, without a warning of Node', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on('warning', note);
  await using it = hubWith();
  await Promise.all(Array.from({ length: 300 }, () => it.hub.read(SIGN)));
  await new Promise(setImmediate);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

it('a whole cluster is read in one round trip', async () => {
  await using it = hubWith();
  for (let i = 0; i < 20; i++) await it.hub.putFacts(someFacts({ id: `monitor${i}` }));
  await it.hub.read(SIGN);
  const count = async () =>
    Number((await server.client.info('commandstats')).match(/evalsha:calls=(\d+)/)?.[1]);
  const before = await count();
  expect((await it.hub.read(SIGN)).facts).toHaveLength(20);
  expect((await count()) - before).toBe(1);
});

it("one who may not listen to the ancestor's message gets the hints of our own all the same, also later", async () => {
  const channel = `&mysql-${SIGN}-wake`;
  await server.client.acl('SETUSER', 'deaf', 'on', '>secret', '~*', 'resetchannels', channel, '+@all');
  await using it = hubWith({ username: 'deaf', password: 'secret' });
  const hints: Hint[] = [];
  const stop = new AbortController();
  await it.hub.watch([SIGN], (_, hint) => hints.push(hint), stop.signal, 'mmm-switch-channel');
  await it.hub.putFacts(someFacts());
  await eventually('the hint', () => hints.includes('facts'));
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually('it listens again', () => hints.includes('reconnected'));
  hints.length = 0;
  await it.hub.putFacts(someFacts({ seq: 2 }));
  await eventually('the hint', () => hints.includes('facts'));
  stop.abort();
});

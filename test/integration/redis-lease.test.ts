/** What a lease costs and how it fares when a real Redis freezes or loses connections. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Hub, Renewal } from '../../src/ports.ts';
import { aCommit } from '../contract/hub.contract.ts';
import { A, aTopology, SIGN } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const ours: Renewal = { member: A, agent: 'agent1', generation: 42, armed: true };

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => server.client.flushall());

async function writersHub(): Promise<{ readonly hub: Hub } & AsyncDisposable> {
  const hub = createRedisHub({ host: server.host, port: server.port });
  await hub.commit(aCommit(aTopology()));
  return { hub, [Symbol.asyncDispose]: () => hub.close() };
}

async function counter(): Promise<number> {
  return Number(await server.client.hget(`mysql-${SIGN}-lease`, 'counter'));
}

it('a renewal that Redis did not answer is never sent again: only what lay in its socket runs late', async () => {
  await using it = await writersHub();
  const heard: string[] = [];
  await it.hub.watch([SIGN], (_, hint) => heard.push(hint), new AbortController().signal);
  expect(await it.hub.renewLease(SIGN, ours)).toEqual({ says: 'granted' });
  server.freeze();
  const start = performance.now();
  for (let asked = 0; asked < 5; asked += 1) {
    await expect(it.hub.renewLease(SIGN, ours)).rejects.toThrow(HubError);
  }
  const tookMs = performance.now() - start;
  server.thaw();
  // Everything the frozen server was sent has run when a connection made later is answered.
  await eventually('granted again', () => it.hub.renewLease(SIGN, ours));
  const late = (await counter()) - 2;
  console.log(
    `5 renewals given up in ${Math.round(tookMs)} ms while Redis was frozen; ${late} of them ran when it woke up`,
  );
  expect(late).toBeLessThanOrEqual(1);
  await eventually('the watcher is back', () => heard.includes('reconnected'));
  expect((await counter()) - 2).toBe(late);
});

it('a renewal that is on its way when the connection breaks fails, and is not sent on the next one', async () => {
  await using it = await writersHub();
  const asked = Promise.allSettled(Array.from({ length: 20 }, () => it.hub.renewLease(SIGN, ours)));
  await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const outcomes = await asked;
  const granted = outcomes.filter(({ status }) => status === 'fulfilled').length;
  const ran = await counter();
  expect(ran).toBeGreaterThanOrEqual(granted);
  await eventually('granted again', () => it.hub.renewLease(SIGN, ours));
  expect(await counter()).toBe(ran + 1);
});

it('a renewal costs Redis next to nothing', async () => {
  await using it = await writersHub();
  await it.hub.renewLease(SIGN, ours);
  await server.client.config('RESETSTAT');
  const rounds = 500;
  const start = performance.now();
  for (let round = 0; round < rounds; round += 1) await it.hub.renewLease(SIGN, ours);
  const eachMs = (performance.now() - start) / rounds;
  const stats = await server.client.info('commandstats');
  const micros = Number(/cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(stats)?.[1]);
  console.log(
    `a renewal takes ${eachMs.toFixed(2)} ms, of which Redis works ${(micros / 1000).toFixed(3)} ms`,
  );
  expect(micros).toBeLessThan(5000);
});

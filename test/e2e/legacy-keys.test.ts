import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LegacyView, readLegacy } from '../support/legacy-reader.ts';
import { watchLegacy } from '../support/legacy-watch.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { rootSession } from '../support/mariadb-admin.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { listenToTopic } from '../support/topic-ear.ts';

describe("the ancestor's keys, read by their table alone", () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  const read = () => readLegacy(stack.redis.client, stack.uniqsign);
  const checkOf = async ({ address }: MariaServer) => (await read()).checks[address];

  test('name the configuration, the writer, and what the servers say', async () => {
    const { a, b } = stack;
    const view = await eventually('the checks are of now', read, ({ checks }) => {
      return checks[a.address]?.read_only === '0' && checks[b.address]?.repl_check === 'OK';
    });
    expect(view).toMatchObject({
      servicemode: '1',
      primaryhost: a.address,
      secondaryhost: b.address,
      members: [a.address, b.address].sort(),
      mode: { active: a.address, passive: b.address },
      master: { host: a.address, passive: b.address, generation: '1', phase: 'stable' },
    });
    const well = { ping: '1', repl_check: 'OK', delay_sec: '0', conn_nums: '0' };
    expect(view.checks[a.address]).toMatchObject({ ...well, read_only: '0' });
    expect(view.checks[b.address]).toMatchObject({ ...well, read_only: '1' });
    expect(Math.abs(Date.now() - Number(view.master.since))).toBeLessThan(60_000);
    expect(await stack.redis.client.smembers('mysql-clusters')).toEqual([stack.uniqsign]);
  });

  test('name an open server through a switchover, a crash and a return, with one message per change', async () => {
    const { a, b } = stack;
    await using watch = await watchLegacy(stack);
    expect((await stack.control('switchover', '--to', b.address)).code).toBe(0);
    await stack.healthy();
    await b.kill9();
    await stack.stable(a);
    const dead = await eventually(
      'the check of the dead one',
      () => checkOf(b),
      (seen) => seen?.ping === '0',
    );
    expect(dead).toMatchObject({ repl_check: 'Error', read_only: '-1', delay_sec: '-1', conn_nums: '-1' });
    await eventually(
      'last_check goes on',
      () => checkOf(b),
      (seen) => Number(seen?.last_check) > Number(dead?.last_check),
    );
    await b.start();
    await stack.healthy(60_000);
    await watch.stop();
    expect(watch.complaints).toEqual([]);
    expect(watch.writers).toEqual([a.address, b.address, a.address]);
    expect(watch.announced()).toEqual([b.address, a.address]);
    console.log(`the ancestor's keys were right in ${watch.samples()} samples`);
  });

  test('tell a lag in seconds, and call an unknown one -1 and an error', async () => {
    const writer = await stack.writer();
    const standby = stack.other(writer);
    const blocker = await rootSession(standby.socket);
    await blocker.query('FLUSH TABLES WITH READ LOCK');
    await writer.admin('INSERT INTO t.x (v) VALUES (1)');
    const late = await eventually(
      'a lag of seconds',
      () => checkOf(standby),
      (seen) => seen?.repl_check.startsWith('Delay ') === true,
    );
    expect(late?.repl_check).toBe(`Delay ${late?.delay_sec} Seconds`);
    blocker.end();
    await eventually(
      'no lag',
      () => checkOf(standby),
      (seen) => seen?.repl_check === 'OK' && seen.delay_sec === '0',
    );
    await standby.admin('STOP SLAVE SQL_THREAD');
    const unknown = await eventually(
      'the applier is seen stopped',
      () => checkOf(standby),
      (seen) => seen?.repl_check === 'Error',
    );
    expect(unknown).toMatchObject({ ping: '1', read_only: '1', delay_sec: '-1' });
    await standby.admin('START SLAVE SQL_THREAD');
    await stack.healthy();
  });

  test.for([
    ['edited', edit],
    ['deleted', remove],
    ['replaced by another type', spoil],
  ] as const)('that somebody has %s are brought right without a message', async ([, harm]) => {
    await stack.healthy();
    const before = await eventually('all is well', read, ({ checks }) =>
      Object.values(checks).every((check) => check.repl_check === 'OK'),
    );
    await using ear = await listenToTopic(stack.redis);
    const startedMs = performance.now();
    await harm(stack);
    await eventually('as they were', read, (now) => shape(now) === shape(before));
    await eventually('the list of clusters is back', () => clusters(stack));
    console.log(`put right within ${Math.round(performance.now() - startedMs)} ms (interval 3000)`);
    expect(ear.messages).toEqual([]);
    expect((await stack.stable()).writer).toBe(before.mode.active);
  });
});

const NAMES = ['servicemode', 'primaryhost', 'secondaryhost', 'members', 'mode', 'master'] as const;

async function edit(stack: Stack): Promise<void> {
  const { client } = stack.redis;
  const key = (name: string) => `mysql-${stack.uniqsign}-${name}`;
  const stranger = '10.66.66.66:3306';
  const standby = stack.other(await stack.writer()).address;
  await client
    .multi()
    .set(key('servicemode'), '0')
    .set(key('primaryhost'), stranger)
    .set(key('secondaryhost'), '')
    .sadd(key('members'), stranger)
    .hset(key('mode'), { active: stranger, passive: standby })
    .hset(key('master'), { host: standby, passive: stranger, generation: '7', phase: 'closing', since: '17' })
    .hset(key(`${standby}-check`), { ping: '0', delay_sec: '99', repl_check: 'fine' })
    .srem('mysql-clusters', stack.uniqsign)
    .exec();
}

async function remove(stack: Stack): Promise<void> {
  await stack.redis.client.del(...keysOf(stack), 'mysql-clusters');
}

async function spoil(stack: Stack): Promise<void> {
  const { client } = stack.redis;
  for (const key of [...keysOf(stack), 'mysql-clusters']) {
    const isString = /(?:servicemode|primaryhost|secondaryhost)$/.test(key);
    if (isString) await client.multi().del(key).hset(key, 'active', 'x').exec();
    else await client.set(key, 'x');
  }
}

function keysOf({ uniqsign, a, b }: Stack): string[] {
  const checks = [a, b].map(({ address }) => `${address}-check`);
  return [...NAMES, ...checks].map((name) => `mysql-${uniqsign}-${name}`);
}

async function clusters({ redis, uniqsign }: Stack): Promise<boolean> {
  return (await redis.client.sismember('mysql-clusters', uniqsign)) === 1;
}

/** All but what moves by itself. */
function shape({ checks, ...keys }: LegacyView): string {
  const still = Object.entries(checks).map(([member, { last_check: _, conn_nums: __, ...check }]) => [
    member,
    check,
  ]);
  return JSON.stringify([keys, still.sort()]);
}

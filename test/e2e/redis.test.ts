import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

describe('Redis loses everything under eight writers', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test.for([
    ['emptied', (site: Stack) => site.redis.client.flushall()],
    ['killed and started empty', (site: Stack) => site.redis.restart()],
  ] as const)(
    '%s: clients notice nothing, the generation never falls, every key comes back',
    async ([, lose]) => {
      const writer = await stack.writer();
      const { generation } = await stack.stable(writer);
      const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
        await lose(stack);
        await stack.healthy();
        await workload.flowing(200);
      });
      expect(verdict.complaints).toEqual([]);
      expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      const after = await stack.stable(writer);
      expect(after.generation).toBeGreaterThanOrEqual(generation);
      await eventually('the keys of the ancestor are back', () => legacyKeys(stack), undefined);
    },
  );

  test('away for a while: nothing is closed, and a switchover works afterwards', async () => {
    const writer = await stack.writer();
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      await stack.redis.kill9();
      await workload.flowing(500);
      await stack.redis.restart();
      await stack.healthy();
    });
    expect(verdict.complaints).toEqual([]);
    expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect((await stack.control('switchover')).code).toBe(0);
    await stack.stable(stack.other(writer));
  });
});

async function legacyKeys({ redis: { client }, uniqsign, a, b, ...stack }: Stack): Promise<boolean> {
  const writer = await stack.writer();
  const key = (name: string) => `mysql-${uniqsign}-${name}`;
  expect(await client.hgetall(key('mode'))).toEqual({
    active: writer.address,
    passive: stack.other(writer).address,
  });
  expect(await client.hget(key('master'), 'host')).toBe(writer.address);
  expect((await client.smembers(key('members'))).sort()).toEqual([a.address, b.address].sort());
  expect(await client.get(key('primaryhost'))).toBe(a.address);
  expect(await client.get(key('secondaryhost'))).toBe(b.address);
  expect(await client.get(key('servicemode'))).toBe('1');
  expect(await client.hget(key(`${a.address}-check`), 'ping')).toBe('1');
  expect(await client.hget(key(`${b.address}-check`), 'repl_check')).toBe('OK');
  return true;
}

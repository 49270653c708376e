import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type HubUnderTest, hubContract } from './hub.contract.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

hubContract('the hub in Redis', async (): Promise<HubUnderTest> => {
  const { client, host, port } = server;
  await client.flushall();
  const seen: { readonly channel: string; readonly text: string }[] = [];
  const ear = new Redis({ host, port });
  ear.on('error', () => {});
  ear.on('message', (channel, text) => void seen.push({ channel, text }));
  await ear.subscribe('mmm-switch-channel');
  const hub = createRedisHub({ host, port });
  return {
    hub,
    raw: {
      set: (key, text) => client.set(key, text),
      get: (key) => client.get(key),
      hset: (key, field, value) => client.hset(key, field, value),
      hgetall: (key) => client.hgetall(key),
      sadd: (key, member) => client.sadd(key, member),
      spoil: async (key) => {
        await client.del(key);
        await client.rpush(key, 'x');
      },
      ttl: (key) => client.ttl(key),
      publish: (channel, text) => client.publish(channel, text),
    },
    messages: (channel) => seen.filter((message) => message.channel === channel).map(({ text }) => text),
    restartEmpty: () => server.restart(),
    goAway: async () => server.freeze(),
    comeBack: async () => {
      server.thaw();
      await eventually('redis answers', async () => (await client.ping()) === 'PONG');
    },
    [Symbol.asyncDispose]: async () => {
      ear.disconnect();
      await hub.close();
    },
  };
});

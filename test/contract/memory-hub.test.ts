import { createMemoryHub } from '../support/memory-hub.ts';
import { createMemoryRedis } from '../support/memory-redis.ts';
import { type HubUnderTest, hubContract } from './hub.contract.ts';

hubContract('the hub in memory', async (): Promise<HubUnderTest> => {
  const redis = createMemoryRedis();
  const hub = createMemoryHub(redis);
  const seen: { readonly channel: string; readonly text: string }[] = [];
  redis.subscribe((channel, text) => void seen.push({ channel, text }));
  return {
    hub,
    raw: {
      set: async (key, text) => redis.setString(key, text),
      get: async (key) => redis.find(key, 'string')?.text ?? null,
      hset: async (key, field, value) => redis.need(key, 'hash').fields.set(field, value),
      hgetall: async (key) => Object.fromEntries(redis.find(key, 'hash')?.fields ?? []),
      sadd: async (key, member) => redis.need(key, 'set').members.add(member),
      spoil: async (key) => redis.need(key, 'list').items.push('x'),
      ttl: async (key) => redis.ttlSeconds(key),
      publish: async (channel, text) => redis.publish(channel, text),
    },
    messages: (channel) => seen.filter((message) => message.channel === channel).map(({ text }) => text),
    restartEmpty: async () => redis.restartEmpty(),
    goAway: async () => hub.failNext(1_000_000),
    comeBack: async () => hub.failNext(0),
    [Symbol.asyncDispose]: () => hub.close(),
  };
});

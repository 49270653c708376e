/** Redis as one process reaches it: every command is a message that may be late or lost, with its answer. */
import { HubError } from '../../src/errors.ts';
import type { Hint, Hub } from '../../src/ports.ts';
import { createMemoryHub } from '../support/memory-hub.ts';
import type { MemoryRedis } from '../support/memory-redis.ts';
import type { Engine } from './engine.ts';
import type { Network } from './network.ts';
import type { Life } from './process.ts';
import type { Random } from './random.ts';

/** Host of Redis. */
export const R = 'R';
/** As `src/hub` bounds it. */
const COMMAND_MS = 400;
/** Of the hints between hosts; they carry nothing that is not read anyway. */
const HINT_LOST = 0.02;
const HINT_TWICE = 0.01;

/** `isUp`: Redis runs. Without it a command is refused at once. */
export function connectHub(
  life: Life,
  world: {
    readonly engine: Engine;
    readonly network: Network;
    readonly random: Random;
    readonly redis: MemoryRedis;
    readonly isRedisUp: () => boolean;
  },
): Hub {
  const { engine, network, random, redis, isRedisUp } = world;
  const inner = createMemoryHub(redis);
  const host = life.process.host;
  const ask = <T>(what: string, serve: () => Promise<T>): Promise<T> =>
    life.call({
      what: `hub.${what}`,
      to: R,
      timeoutMs: COMMAND_MS,
      late: () => new HubError('Redis did not answer in time'),
      serve: () => (isRedisUp() ? serve() : Promise.reject(new HubError('nobody listens at Redis'))),
    });

  // As long as Redis is away there are no hints; it is subscribed to again by itself.
  const watch: Hub['watch'] = (signs, onHint, signal, topic) => {
    const hear = (sign: string, hint: Hint): void => {
      const times = random.chance(HINT_LOST) ? 0 : random.chance(HINT_TWICE) ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        const delayMs = network.delayMs(R, host);
        if (delayMs === Number.POSITIVE_INFINITY || !network.isUp(R, host) || !isRedisUp()) continue;
        engine.at(delayMs, () => life.deliver(() => onHint(sign, hint)));
      }
    };
    return inner.watch(signs, hear, signal, topic);
  };

  return new Proxy(inner, {
    get(target, key) {
      if (key === 'watch') return watch;
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function' || key === 'close') return value;
      return (...args: unknown[]) => ask(String(key), () => Reflect.apply(value, target, args));
    },
  });
}

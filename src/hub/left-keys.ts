import type { FoundKeys } from '../core/leave.ts';
import { connect, type RedisOptions } from './connect.ts';
import { CLUSTERS } from './keys.ts';

/** A Redis that others share may hold millions of keys. */
const LONGEST_MS = 10_000;
const AT_ONCE = '1000';

/** Every key that may be of a cluster, as it stands now. Rejects with HubError. */
export async function findKeys(options: RedisOptions): Promise<FoundKeys> {
  const { run, close } = connect(options);
  const start = performance.now();
  const keys = new Set<string>();
  try {
    const clusters = await run((redis) => redis.smembers(CLUSTERS));
    let cursor = '0';
    do {
      const [next, some] = await run((redis) => redis.scan(cursor, 'MATCH', 'mysql-*', 'COUNT', AT_ONCE));
      for (const key of some) keys.add(key);
      cursor = next;
    } while (cursor !== '0' && performance.now() - start < LONGEST_MS);
    const masters: Record<string, readonly string[]> = {};
    for (const key of keys) {
      if (key.endsWith('-master')) masters[key] = await run((redis) => redis.hkeys(key)).catch(none);
    }
    return { keys: [...keys], masters, clusters, complete: cursor === '0' };
  } finally {
    close();
  }
}

/** Somebody else's key of another type. */
function none(): readonly string[] {
  return [];
}

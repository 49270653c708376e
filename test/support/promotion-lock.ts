import type { PromotionLock, Server } from '../../src/ports.ts';
import { eventually } from './eventually.ts';

/** Name of the promotion lock in tests of a single server. */
export const LOCK = 'mmm-contract';

/** Whoever let go of it a moment ago may not have been noticed yet. */
export async function take(server: Server): Promise<PromotionLock> {
  const held = await eventually('the lock is free', () => server.lock(LOCK, 1000));
  if (held === null) throw new Error('somebody else holds the lock');
  return held;
}

export async function opens(
  server: Server,
  stillWanted: () => Promise<boolean> = async () => true,
): Promise<boolean> {
  const held = await take(server);
  try {
    return await held.open(stillWanted);
  } finally {
    held.release();
  }
}

import { setTimeout as pause } from 'node:timers/promises';

/** What `within` resolves with when the time is over. */
export const PENDING = 'pending';

/** Waits for a promise, but no longer than `ms`; the promise itself goes on. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof PENDING> {
  const patience = new AbortController();
  const over = pause(Math.max(1, ms), null, { signal: patience.signal }).then(
    () => PENDING,
    () => PENDING,
  );
  try {
    return await Promise.race([promise, over as Promise<typeof PENDING>]);
  } finally {
    patience.abort();
  }
}

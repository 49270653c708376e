/** Time that moves only when it is told to: everything asleep wakes in order. */
import type { Clock } from '../../src/ports.ts';

export interface VirtualClock extends Clock {
  /** Lets `ms` pass; whatever wakes meanwhile does its work first. */
  pass(ms: number): Promise<void>;
}

export function createVirtualClock(): VirtualClock {
  let nowMs = 0;
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  async function pass(ms: number): Promise<void> {
    const untilMs = nowMs + ms;
    for (;;) {
      await quiet();
      const next = sleepers.reduce((first, one) => Math.min(first, one.atMs), Number.POSITIVE_INFINITY);
      if (next > untilMs) break;
      nowMs = Math.max(nowMs, next);
      for (const one of sleepers.filter(({ atMs }) => atMs <= nowMs)) one.wake();
    }
    nowMs = untilMs;
  }

  return {
    now: () => nowMs,
    epochMs: () => nowMs,
    pass,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = (): void => {
          sleepers = sleepers.filter((other) => other !== one);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        const one = { atMs: nowMs + Math.max(0, ms), wake };
        sleepers.push(one);
        signal?.addEventListener('abort', wake);
      }),
  };
}

/** Everything that needs no time has been done. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

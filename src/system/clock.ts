import { setMaxListeners } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../ports.ts';

/** The longest wait a timer keeps; longer ones would fire at once. */
const LONGEST_MS = 2_147_483_647;
/** `/proc/uptime` counts hundredths of a second; a lead of less than this may be rounding. */
const ROUNDING_MS = 50;
/** The uptime is read at most so often. */
const READ_MS = 20;

/**
 * The time of this machine, including the time it was suspended: CLOCK_MONOTONIC stands still then, and a lease that
 * ran out meanwhile must not look fresh. `uptimeFile` counts it (CLOCK_BOOTTIME); without one it is not known.
 */
export function createClock(uptimeFile = '/proc/uptime'): Clock {
  const suspendedMs = createSuspension(uptimeFile);
  return {
    now: () => {
      const ms = performance.now();
      return ms + suspendedMs(ms);
    },
    epochMs: () => Date.now(),
    async sleep(ms, signal) {
      const boundedMs = Math.min(Math.max(ms, 0), LONGEST_MS);
      // One signal ends the sleeps of many clusters: that is no leak to be warned of.
      if (signal !== undefined) setMaxListeners(0, signal);
      // Its only rejection is the abort, which is a way to wake up here.
      await setTimeout(boundedMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    },
  };
}

/** How long the machine has been suspended since this was made, as far as seen; never falls. */
function createSuspension(file: string): (monotonicMs: number) => number {
  const first = uptimeMs(file);
  if (first === null) return () => 0;
  const startMs = performance.now();
  let readMs = startMs;
  let seenMs = 0;
  return (monotonicMs) => {
    if (monotonicMs - readMs < READ_MS) return seenMs;
    readMs = monotonicMs;
    const elapsedMs = (uptimeMs(file) ?? first) - first;
    const leadMs = elapsedMs - (performance.now() - startMs);
    if (leadMs > seenMs + ROUNDING_MS) seenMs = leadMs;
    return seenMs;
  };
}

/** null: cannot be read. */
function uptimeMs(file: string): number | null {
  try {
    const handle = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(32);
      const seconds = Number.parseFloat(bytes.toString('latin1', 0, readSync(handle, bytes)));
      return Number.isFinite(seconds) ? seconds * 1000 : null;
    } finally {
      closeSync(handle);
    }
  } catch {
    return null;
  }
}

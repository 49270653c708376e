import { setMaxListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../ports.ts';

/** The longest wait a timer keeps; longer ones would fire at once. */
const LONGEST_MS = 2_147_483_647;

/** The time of this machine. */
export function createClock(): Clock {
  return {
    now: () => performance.now(),
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

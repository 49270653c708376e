/**
 * Several mmm-identify may run: one leads and decides, the others only watch, so that each knows enough to take over at
 * once. Which one leads is a convenience: compare-and-set keeps two that both think so from doing harm.
 */
import type { Clock, Hub, Log } from '../ports.ts';

export interface Leadership {
  /** Asks again when it is time. `isNew`: we have just taken the lead. */
  check(): Promise<{ readonly leads: boolean; readonly isNew: boolean }>;
  /** Lets another one lead at once. */
  resign(): Promise<void>;
}

const ASK_MS = 300;
/** A leader whose counter stood still for so long, by our own stopwatch, is gone. */
const STILL_MS = 1500;
/** After a longer break of our own nothing is known of anybody's stillness. */
const GAP_MS = 1000;

export function createLeadership(options: {
  readonly id: string;
  readonly uniqsign: string;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
}): Leadership {
  const { id, uniqsign, hub, clock, log } = options;
  let askedMs = Number.NEGATIVE_INFINITY;
  let leader: { readonly id: string; readonly counter: number; readonly ms: number } | null = null;

  async function check(): Promise<{ leads: boolean; isNew: boolean }> {
    const nowMs = clock.now();
    if (nowMs - askedMs < ASK_MS) return { leads: leader?.id === id, isNew: false };
    const before = nowMs - askedMs > GAP_MS ? null : leader;
    const isStill = before !== null && before.id !== id && nowMs - before.ms >= STILL_MS;
    const now = await hub.lead(uniqsign, id, isStill ? before.counter : null);
    askedMs = nowMs;
    const isSame = before?.id === now.id && before.counter === now.counter;
    const isNew = now.id === id && leader?.id !== id;
    if (now.id !== leader?.id) say(now.id);
    leader = { id: now.id, counter: now.counter, ms: isSame ? before.ms : nowMs };
    return { leads: now.id === id, isNew };
  }

  function say(who: string): void {
    const leads = who === id;
    log.info(
      { uniqsign, leader: who },
      leads ? 'this mmm-identify leads' : 'another mmm-identify leads, watching',
    );
  }

  return {
    check,
    async resign() {
      if (leader?.id === id) await hub.resign(uniqsign, id);
      leader = null;
    },
  };
}

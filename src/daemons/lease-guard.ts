/** Closes the server when its right ends, or when it is frozen: beside everything else, and by the deadline. */
import { leaseTimes } from '../core/lease.ts';
import { begin, type Due, frozenDue, killAtMs, ladderDue } from '../core/tenure.ts';
import { fence } from './fence.ts';
import type { Endings } from './lease-endings.ts';
import { freezeMsOf, knownTopology, type LeaseParts, termMsOf } from './lease-state.ts';

export interface LeaseGuard {
  /** Resolves with how long nothing can become due. */
  pass(): Promise<number>;
}

/** Woken whenever something is due earlier. */
const IDLE_MS = 60_000;
const AGAIN_MS = 200;

export function createLeaseGuard(parts: LeaseParts, endings: Endings): LeaseGuard {
  const { clock, log, state, memory } = parts;

  async function pass(): Promise<number> {
    const due = mostUrgent();
    if (due === null) return IDLE_MS;
    const leftMs = due.atMs - clock.now();
    if (leftMs > 0) return leftMs;
    state.isFencing = true;
    try {
      await close(due);
    } finally {
      state.isFencing = false;
    }
    return AGAIN_MS;
  }

  function mostUrgent(): Due | null {
    const { tenure, stray } = state;
    if (stray !== null) return { atMs: clock.now(), why: stray };
    if (tenure === null) return null;
    const dues = [ladderDue(tenure), frozen()].filter((due) => due !== null);
    return dues.reduce<Due | null>(
      (first, due) => (first === null || due.atMs < first.atMs ? due : first),
      null,
    );
  }

  function frozen(): Due | null {
    return frozenDue(state.silentSinceMs, freezeMsOf(knownTopology(state, memory)));
  }

  async function close(due: Due): Promise<void> {
    const { server, host, process } = parts;
    const tenure = state.tenure ?? begin(0, leaseTimes(termMsOf(knownTopology(state, memory))));
    const fields = { generation: tenure.generation, reason: due.why };
    log.error(fields, 'closing the server of this machine');
    const startedMs = clock.now();
    const until = killAtMs(tenure, startedMs, frozen());
    const result = await fence({
      ...{ server, host, process: process.recorded(), clock, log, killAtMs: until },
    });
    const tookMs = Math.round(clock.now() - startedMs);
    if (result === 'failed') {
      log.error({ ...fields, tookMs }, 'the server may still be open, trying on');
      // Another process may serve by now.
      await process.isSame();
      return;
    }
    log.warn({ ...fields, tookMs, result }, 'the server of this machine is closed');
    if (result === 'gone') await endings.died();
    else endings.end(due.why);
  }

  return { pass };
}

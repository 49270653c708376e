import type { Clock } from '../ports.ts';

/** How an attempt is made. */
export interface How {
  /** Nothing has succeeded for this job yet. */
  readonly fresh: boolean;
  /** Aborts when a newer job came: the attempt then stops before its next act, and its result counts for nothing. */
  readonly signal: AbortSignal;
}

/** Keeps trying the latest job, for ever: first after 50 ms, 200 ms, 1 s and 5 s while it
 * fails, then and after a success each `restMs`, which is also the longest wait. */
export interface Lane<Job> {
  /** Starts at once, whatever is under way; resolves after the first attempt. */
  want(job: Job): Promise<void>;
  /** Tries again now instead of later. */
  nudge(): void;
  /** Lets go of the job. */
  rest(): void;
}

const LADDER_MS = [50, 200, 1_000, 5_000];

/** `attempt` says whether it succeeded and never rejects. */
export function createLane<Job>(options: {
  readonly clock: Clock;
  readonly restMs: (job: Job) => number;
  readonly attempt: (job: Job, how: How) => Promise<boolean>;
}): Lane<Job> {
  let current = new AbortController();
  let nap = new AbortController();

  async function keepTrying(job: Job, first: Promise<boolean>, signal: AbortSignal): Promise<void> {
    let ok = await first;
    let fresh = !ok;
    for (let failures = ok ? 0 : 1; !signal.aborted; failures = ok ? 0 : failures + 1) {
      const restMs = options.restMs(job);
      const rungMs = failures === 0 ? restMs : (LADDER_MS[failures - 1] ?? restMs);
      nap = new AbortController();
      await options.clock.sleep(Math.min(rungMs, restMs), AbortSignal.any([signal, nap.signal]));
      if (signal.aborted) return;
      ok = await options.attempt(job, { fresh, signal });
      fresh &&= !ok;
    }
  }

  return {
    async want(job) {
      current.abort();
      current = new AbortController();
      const { signal } = current;
      const first = options.attempt(job, { fresh: true, signal });
      void keepTrying(job, first, signal);
      await first;
    },
    nudge() {
      nap.abort();
    },
    rest() {
      current.abort();
    },
  };
}

/** The only timer loop of the daemons. */
import type { Clock } from '../ports.ts';

export interface Loop {
  /** Runs the step now; when it is running, once more right after. */
  wake(): void;
  /** Resolves when the loop has ended after its signal aborted. Never rejects. */
  readonly done: Promise<void>;
}

/** Calls `step` at once, then every `everyMs` and on each wake, never twice at a time, until `signal` aborts. */
export function startLoop(options: {
  readonly clock: Clock;
  readonly everyMs: () => number;
  readonly step: () => Promise<void>;
  /** Whatever the step throws comes here; the next tick tries again. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}): Loop {
  const { clock, signal } = options;
  let nap = new AbortController();
  let isDue = false;
  const wake = (): void => {
    isDue = true;
    nap.abort();
  };
  signal.addEventListener('abort', () => nap.abort(), { once: true });
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      isDue = false;
      nap = new AbortController();
      try {
        await options.step();
      } catch (error) {
        options.onError(error);
      }
      if (!isDue && !signal.aborted) await clock.sleep(options.everyMs(), nap.signal);
    }
  };
  return { wake, done: run() };
}

import type { Clock } from '../ports.ts';

/** Sends the latest report, one at a time: what changes while one is on its way goes with the next. */
export interface Reporter {
  send(): void;
  /** Since the last one was sent; Infinity at first. */
  ageMs(): number;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
}

/** `put` builds the report when it is its turn. */
export function createReporter(options: {
  readonly clock: Clock;
  readonly put: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}): Reporter {
  let sending: Promise<void> | null = null;
  let again = false;
  let sentMs = Number.NEGATIVE_INFINITY;

  async function sendAll(): Promise<void> {
    do {
      again = false;
      sentMs = options.clock.now();
      try {
        await options.put();
      } catch (error) {
        options.onError(error);
      }
    } while (again);
    sending = null;
  }

  return {
    send() {
      if (sending === null) sending = sendAll();
      else again = true;
    },
    ageMs: () => options.clock.now() - sentMs,
    async idle() {
      while (sending !== null) await sending;
    },
  };
}

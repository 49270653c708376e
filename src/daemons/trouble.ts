/** Says what goes wrong once, and once that it is over: a Redis that is away for an hour is two lines, not 3,600. */
import { MmmError } from '../errors.ts';
import type { Log } from '../ports.ts';

export interface Trouble {
  report(error: unknown): void;
  over(): void;
}

export function createTrouble(log: Log): Trouble {
  let current = '';
  return {
    report(error) {
      const reason =
        error instanceof MmmError ? error.message : String(error instanceof Error ? error.stack : error);
      if (reason === current) return;
      current = reason;
      log.warn({ reason }, 'cannot do my work, trying again');
    },
    over() {
      if (current === '') return;
      current = '';
      log.info({}, 'working again');
    },
  };
}

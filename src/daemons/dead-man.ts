/** The statement that sleeps in our own server and closes it when it is not replaced in time. */
import { ServerError } from '../errors.ts';
import type { Log, Server } from '../ports.ts';

export interface DeadMan {
  /** It is in force, as of the last grant: this may be told to Redis. */
  isArmed(): boolean;
  /** Replaces it; false when that failed: an older one may still be there. */
  arm(ms: number): Promise<boolean>;
  /** One is there that could not be replaced: it must go, once Redis knows that none is in force. */
  isOutdated(): boolean;
  /** Takes it back, when there may be one; tried again by the next call when it fails. */
  disarm(): Promise<void>;
  /** The server's process is no more, and so is this. */
  forget(): void;
}

export function createDeadMan(server: Server, log: Log): DeadMan {
  let state: 'none' | 'armed' | 'outdated' = 'none';
  let trouble = '';

  function failed(error: unknown, what: string): void {
    if (!(error instanceof ServerError)) throw error;
    if (trouble !== error.message) log.warn({ member: server.address, reason: error.message }, what);
    trouble = error.message;
  }

  return {
    isArmed: () => state === 'armed',
    isOutdated: () => state === 'outdated',
    async arm(ms) {
      try {
        await server.arm(ms);
        state = 'armed';
        trouble = '';
      } catch (error) {
        state = 'outdated';
        failed(error, 'cannot make the server close itself when this agent dies');
      }
      return state === 'armed';
    },
    async disarm() {
      if (state === 'none') return;
      try {
        await server.disarm();
        state = 'none';
      } catch (error) {
        state = 'outdated';
        failed(error, 'cannot take back that the server closes itself');
      }
    },
    forget: () => {
      state = 'none';
    },
  };
}

/** Looks at one member for its keeper, and notices how it starts. */
import type { History, Look } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Log, Server } from '../ports.ts';

export interface MemberLooker {
  /** A look, or why there is none. */
  look(known: readonly History[]): Promise<Look | { readonly reason: string }>;
  /** Whether the server starts read-only, as configured or seen; null: not known yet. */
  startsClosed(): boolean | null;
}

const LOOK_MS = 1000;

export function createMemberLooker(options: {
  readonly server: Server;
  readonly clock: Clock;
  readonly log: Log;
  /** Looks in a row that may fail before it is worth a warning. */
  readonly attempts: number;
  /** What the configuration says; null: watch how the server starts. */
  readonly startsClosed: boolean | null;
}): MemberLooker {
  const { server, clock, log } = options;
  let startsClosed = options.startsClosed;
  let goneSinceMs: number | null = null;
  let failures = 0;
  let uptimeSeconds = 0;

  /** A server that we saw gone and that is younger than its absence shows how it starts: nobody set it yet. */
  function watchStart(look: Look): void {
    const isRestarted = look.uptimeSeconds < uptimeSeconds;
    uptimeSeconds = look.uptimeSeconds;
    if (options.startsClosed !== null || goneSinceMs === null || !isRestarted) return;
    if (look.uptimeSeconds * 1000 <= clock.now() - goneSinceMs) startsClosed = look.readOnly;
  }

  return {
    startsClosed: () => startsClosed,
    async look(known) {
      try {
        const look = await server.look(LOOK_MS, known);
        watchStart(look);
        goneSinceMs = null;
        failures = 0;
        return look;
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        if (error.trouble !== 'faulty') goneSinceMs ??= clock.now();
        failures += 1;
        if (failures === options.attempts) {
          log.warn(
            { member: server.address, attempts: failures, reason: error.message },
            'member cannot be reached, trying on',
          );
        }
        return { reason: error.message };
      }
    },
  };
}

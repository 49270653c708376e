import type { Clock, Hub, Log } from '../ports.ts';

/** The server_id of every member, as monitors report it: tells servers apart behind a proxy. */
export interface ServerIds {
  /** Empty when unknown. */
  of(address: string): string;
  /** Reads the facts of a cluster anew, at most every 5 s. Never rejects. */
  refresh(uniqsign: string): Promise<void>;
}

const EVERY_MS = 5_000;

export function createServerIds(options: {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
}): ServerIds {
  const ids = new Map<string, string>();
  const readMs = new Map<string, number>();
  return {
    of: (address) => ids.get(address) ?? '',
    async refresh(uniqsign) {
      const now = options.clock.now();
      if (now - (readMs.get(uniqsign) ?? Number.NEGATIVE_INFINITY) < EVERY_MS) return;
      readMs.set(uniqsign, now);
      try {
        const { facts } = await options.hub.read(uniqsign);
        for (const { members } of facts) {
          for (const [address, { look }] of Object.entries(members)) {
            if (look !== null) ids.set(address, String(look.serverId));
          }
        }
      } catch (error) {
        options.log.debug({ err: error }, 'facts were not read');
      }
    },
  };
}

import type { Direction } from '../core/direction.ts';
import type { SidecarReport } from '../core/model.ts';
import { deedOf, routedEvent } from '../core/sidecar-deed.ts';
import type { Clock, Hub, Log } from '../ports.ts';
import type { Target } from './target.ts';

/** What is followed, and since when. */
export interface Current {
  readonly topology: Direction;
  /** First sight of this generation, and of this phase and writer of it. */
  readonly generationMs: number;
  readonly phaseMs: number;
  /** This process saw the generation begin: it can tell how long things took. */
  readonly isNews: boolean;
}

/** What all targets of a cluster together came to. */
export interface Deeds {
  /** The moment it is first true counts. Nothing is claimed of a generation that is not surely remembered. */
  note(now: Current, isRemembered: boolean): { readonly did: SidecarReport['did']; readonly tookMs: number };
}

export function createDeeds(options: {
  readonly id: string;
  readonly uniqsign: string;
  readonly targets: readonly Target[];
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
}): Deeds {
  const { id, uniqsign, hub, clock, log } = options;
  const states = () => options.targets.map((target) => target.state(uniqsign));
  /** When the latest aim was first reached. */
  let done: { readonly aim: string; readonly tookMs: number } | null = null;
  let announced = 0;

  /** Once per generation, by the process that saw it come. */
  async function announce(now: Current, tookMs: number): Promise<void> {
    const { generation } = now.topology;
    if (!now.isNews || announced >= generation) return;
    announced = generation;
    const sinceGenerationMs = since(now.generationMs);
    const event = routedEvent(now.topology, { id, tookMs, sinceGenerationMs, targets: states() });
    await hub.putEvent(uniqsign, event).catch((error: unknown) => {
      log.debug({ err: error }, 'an event was not stored');
    });
  }

  function since(ms: number): number {
    return Math.round((clock.now() - ms) * 10) / 10;
  }

  return {
    note(now, isRemembered) {
      const { generation, step, phase } = now.topology;
      const did = deedOf(phase, states());
      if (did === 'watching' || did === 'failed') return { did, tookMs: 0 };
      if (!isRemembered) return { did: 'watching', tookMs: 0 };
      const aim = aimOf(now.topology);
      if (done?.aim !== aim) {
        const tookMs = since(now.phaseMs);
        done = { aim, tookMs };
        log.info({ generation, step, tookMs }, did === 'cut' ? 'cut every member' : 'routed to the writer');
        if (did === 'routed') void announce(now, tookMs);
      }
      return { did, tookMs: done.tookMs };
    },
  };
}

/** What is to be done; in one generation only the ancestor's keys ever change their writer. */
export function aimOf({ generation, phase, writer }: Direction): string {
  return `${generation} ${phase} ${writer}`;
}

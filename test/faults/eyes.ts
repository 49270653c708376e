/** Everything that watches a site, from outside its network. */

import type { Taken } from '../support/alternation.ts';
import { startObserver, type Turn } from '../support/observer.ts';
import { startScratch } from '../support/scratch.ts';
import type { Site } from './site.ts';
import { type Mark, marksOf, type TopologyWatch, timeline, watchTopology } from './timeline.ts';

export interface Eyes extends AsyncDisposable {
  /** How often both servers were looked at. */
  readonly samples: number;
  /** Instants at which both were seen writable. */
  readonly twoWritable: number;
  /** Server 0 is `a`. */
  readonly turns: readonly Turn[];
  /** Writes past all routing. */
  readonly taken: readonly Taken[];
  readonly changes: TopologyWatch['changes'];
  /** Notes what is done just now. */
  mark(text: string): void;
  /** What happened since. */
  story(sinceMs: number): string;
  stop(): Promise<void>;
}

export async function openEyes(site: Site): Promise<Eyes> {
  const scratch = await startScratch([site.a, site.b]);
  const observer = startObserver([site.a.socket, site.b.socket]);
  const watch = watchTopology(() => site.topology());
  const done: Mark[] = [];
  const stop = async () => {
    await Promise.all([scratch.stop(), observer.stop(), watch.stop()]);
  };
  return {
    get samples() {
      return observer.samples;
    },
    get twoWritable() {
      return observer.sightings.length;
    },
    turns: observer.turns,
    taken: scratch.taken,
    changes: watch.changes,
    mark: (text) => void done.push({ atMs: performance.now(), text: `>> ${text}` }),
    story: (sinceMs) => {
      const all = [...done, ...marksOf(observer.turns, ['dba', 'dbb']), ...watch.marks];
      return timeline(
        all.filter(({ atMs }) => atMs >= sinceMs),
        sinceMs,
      );
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

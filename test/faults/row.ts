import type { DbServer } from '../support/db-server.ts';
import type { Workload } from '../support/workload.ts';
import type { SiteOptions } from './hosts.ts';
import type { Site } from './site.ts';

/** One fault, what is done to the site, and what must hold whatever happens. */
export interface Row {
  /** For `--row`; kebab-case. */
  readonly name: string;
  /** What must hold, as a sentence; the test is named by it. */
  readonly promise: string;
  readonly site: SiteOptions;
  /** Part of `npm test`; the others run with `npm run test:faults`. */
  readonly everyRun?: true;
  /** Clients that talk to the first writer directly, past haproxy, beside those that come through it. */
  readonly direct?: true;
  readonly expects: Expectation;
  /** What must have happened before the fault. */
  prepare?(scene: Scene): Promise<void>;
  /** Brings the fault about and waits for what must come of it. What it breaks is mended afterwards by the run. */
  disturb(scene: Scene): Promise<void>;
}

export interface Expectation {
  /** Who is the writer once everything is mended and at rest. */
  readonly writer: 'same' | 'other' | 'any';
  /** Changes of writer that nobody asked for, at most. */
  readonly failovers: 0 | 1;
  /** The writer is never closed, not even for a moment. Default false. */
  readonly staysOpen?: true;
  /** The generation is what it was. Default false. */
  readonly sameGeneration?: true;
  /** Complaints of the checker that this set-up cannot avoid, by their first words. */
  readonly accepts?: readonly string[];
}

export interface Scene {
  readonly site: Site;
  /** The writer when the fault comes. */
  readonly writer: DbServer;
  readonly standby: DbServer;
  /** The clients through haproxy. */
  readonly clients: Workload;
  /** Says on the timeline what is done just now. */
  mark(text: string): void;
  /** A planned switchover; resolves when haproxy leads to `server`. */
  switchTo(server: DbServer): Promise<void>;
  /** Lets time pass in which something must not happen. */
  passes(ms: number): Promise<void>;
}

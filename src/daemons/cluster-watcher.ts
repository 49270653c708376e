import { type Direction, isAncestors } from '../core/direction.ts';
import type { SidecarReport } from '../core/model.ts';
import { sidecarReport } from '../core/sidecar-report.ts';
import { type Allowed, refusal } from '../core/view.ts';
import type { Clock, Hub, Log, Memory } from '../ports.ts';
import { aimOf, type Current, createDeeds } from './deeds.ts';
import { createDirectionReader } from './direction-reader.ts';
import { createReporter } from './reporter.ts';
import type { ServerIds } from './server-ids.ts';
import type { Target } from './target.ts';

/** Follows the topology of one cluster and reports what the targets made of it. */
export interface Watcher {
  /** Reads the topology and hands news to the targets; `attempted` resolves after their first attempt. */
  look(): Promise<{ readonly attempted: Promise<unknown> }>;
  /** Sends a report soon; never waits, never throws. */
  report(): void;
  /** Repeats the report when the last one is about a second old. */
  repeat(): void;
  /** How long until the next look. */
  everyMs(): number;
  /** Resolves when everything reported so far was sent or failed. */
  reported(): Promise<void>;
  /** The last report: may be taken off the register. */
  leave(): Promise<void>;
  /** Nothing known to do, or all of it done once. */
  isSettled(): boolean;
  sentence(): string;
}

export interface WatcherOptions {
  readonly id: string;
  readonly allowed: Allowed;
  readonly targets: readonly Target[];
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  readonly serverIds: ServerIds;
}

/** Reports are repeated this often, so that a live sidecar can be told from a dead one. */
const REPORT_MS = 1_000;
/** While a handover is under way a lost hint must not cost a second. */
const HANDOVER_MS = 100;

export function createWatcher(options: WatcherOptions): Watcher {
  const { allowed, targets, hub, clock, memory } = options;
  const { uniqsign } = allowed;
  const log = options.log.child({ cluster: allowed.tag });
  const reader = createDirectionReader({ ...options, log });
  const deeds = createDeeds({ ...options, uniqsign, log });
  let current: Current | null = null;
  let refused = '';
  /** Highest generation that is surely remembered. */
  let durable = 0;
  let seq = 0;
  let leaving = false;

  function accept(topology: Direction): Promise<unknown> {
    const now = clock.now();
    const last = current?.topology.generation === topology.generation ? current : null;
    const isNews =
      topology.generation > memory.floor(uniqsign) || topology.phase !== 'stable' || last?.isNews === true;
    current = {
      topology,
      generationMs: last?.generationMs ?? now,
      phaseMs: last !== null && aimOf(last.topology) === aimOf(topology) ? last.phaseMs : now,
      isNews,
    };
    const wanted = { topology, allowed, seenMs: now };
    // The cut does not wait for the disk; what is claimed of it does.
    const attempts = targets.map((target) => target.want(wanted));
    const { generation, step, phase, writer, from } = topology;
    if (isAncestors(topology)) log.info({ writer }, "follows the ancestor's keys");
    else log.info({ generation, step, phase, writer, from }, 'follows a topology');
    return Promise.all([...attempts, remember()]);
  }

  async function remember(): Promise<void> {
    const generation = current?.topology.generation ?? 0;
    if (durable >= generation) return;
    try {
      await memory.raise(uniqsign, generation);
      durable = Math.max(durable, generation);
      report();
    } catch (error) {
      log.error({ err: error, generation }, 'cannot remember the generation: nothing is reported as done');
    }
  }

  function isOld(topology: Direction): boolean {
    const { generation, step } = topology;
    if (generation < memory.floor(uniqsign)) return true;
    const last = current?.topology;
    return last !== undefined && last.generation === generation && step < last.step;
  }

  function isKnown(topology: Direction): boolean {
    const last = current?.topology;
    return last?.generation === topology.generation && last.step === topology.step;
  }

  function refuse(reason: string, topology: Direction): void {
    if (reason === refused) return;
    const { generation, step } = topology;
    log.error({ generation, step, reason }, 'refused a topology: the last good state is kept');
    refused = reason;
  }

  function note(now: Current): ReturnType<typeof deeds.note> {
    return deeds.note(now, durable >= now.topology.generation);
  }

  function nextReport(): SidecarReport {
    seq += 1;
    const done = current === null ? { did: 'watching' as const, tookMs: 0 } : note(current);
    const serves = targets.some((target) => target.canCut) ? allowed.members : [];
    const floor = memory.floor(uniqsign);
    return sidecarReport(
      current?.topology ?? null,
      { id: options.id, serves, floor, leaving, seq, refused, ...done },
      targets.map((target) => target.state(uniqsign)),
    );
  }

  const reporter = createReporter({
    clock,
    put: () => hub.putSidecarReport(uniqsign, nextReport()),
    onError: (error) => log.debug({ err: error }, 'a report was not stored'),
  });

  function report(): void {
    if (current !== null) note(current);
    reporter.send();
  }

  return {
    async look() {
      const nothing = { attempted: Promise.resolve() };
      const topology = await reader.read();
      const ids = options.serverIds.refresh(uniqsign);
      if (current === null) await ids;
      if (topology === null) return nothing;
      if (isOld(topology)) {
        const { generation, step } = topology;
        refuse(
          `generation ${generation} step ${step} is older than what was seen before (${memory.floor(uniqsign)})`,
          topology,
        );
        return nothing;
      }
      const reason = refusal(topology, allowed);
      if (reason !== null) {
        refuse(reason, topology);
        return nothing;
      }
      refused = '';
      if (!isKnown(topology)) return { attempted: accept(topology) };
      return { attempted: remember() };
    },
    report,
    repeat() {
      if (reporter.ageMs() >= REPORT_MS - 100) report();
    },
    everyMs() {
      const phase = current?.topology.phase;
      return phase === 'closing' || phase === 'opening' ? HANDOVER_MS : REPORT_MS;
    },
    reported: reporter.idle,
    async leave() {
      leaving = true;
      report();
      await reporter.idle();
    },
    isSettled() {
      if (current === null) return refused === '';
      const { did } = note(current);
      return did === 'cut' || did === 'routed';
    },
    sentence() {
      if (current === null) return refused === '' ? 'no topology yet' : `refused: ${refused}`;
      const { generation, step, phase, writer } = current.topology;
      const { did } = note(current);
      return `generation ${generation} step ${step} ${phase}, writer ${writer ?? 'nobody'}: ${did}`;
    },
  };
}

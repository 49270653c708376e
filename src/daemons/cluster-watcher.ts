import type { SidecarReport, Topology } from '../core/model.ts';
import { deedOf, isDone, routedEvent } from '../core/sidecar-deed.ts';
import { type Allowed, refusal } from '../core/view.ts';
import type { Clock, Hub, Log, Memory } from '../ports.ts';
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

interface Current {
  readonly topology: Topology;
  /** First sight of this generation, and of this phase of it. */
  readonly generationMs: number;
  readonly phaseMs: number;
  /** This process saw the generation begin: it can tell how long things took. */
  readonly isNews: boolean;
}

/** Reports are repeated this often, so that a live sidecar can be told from a dead one. */
const REPORT_MS = 1_000;
/** While a handover is under way a lost hint must not cost a second. */
const HANDOVER_MS = 100;

export function createWatcher(options: WatcherOptions): Watcher {
  const { allowed, targets, hub, clock, memory } = options;
  const { uniqsign } = allowed;
  const log = options.log.child({ cluster: allowed.tag });
  let current: Current | null = null;
  let refused = '';
  /** Highest generation that is surely remembered. */
  let durable = 0;
  /** When the latest phase was first done. */
  let done: { readonly key: string; readonly tookMs: number } | null = null;
  let announced = 0;
  let seq = 0;
  let leaving = false;

  function accept(topology: Topology): Promise<unknown> {
    const now = clock.now();
    const isSame = current?.topology.generation === topology.generation;
    const generationMs = isSame && current !== null ? current.generationMs : now;
    const isSamePhase = isSame && current?.topology.phase === topology.phase;
    const phaseMs = isSamePhase && current !== null ? current.phaseMs : now;
    const isNews =
      topology.generation > memory.floor(uniqsign) ||
      topology.phase !== 'stable' ||
      (isSame && current?.isNews === true);
    current = { topology, generationMs, phaseMs, isNews };
    const wanted = { topology, allowed, seenMs: now };
    // The cut does not wait for the disk; what is claimed of it does.
    const attempts = targets.map((target) => target.want(wanted));
    const { generation, step, phase, writer, from } = topology;
    log.info({ generation, step, phase, writer, from }, 'follows a topology');
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

  function isOld(topology: Topology): boolean {
    const { generation, step } = topology;
    if (generation < memory.floor(uniqsign)) return true;
    const last = current?.topology;
    return last !== undefined && last.generation === generation && step < last.step;
  }

  function isKnown(topology: Topology): boolean {
    const last = current?.topology;
    return last?.generation === topology.generation && last.step === topology.step;
  }

  function refuse(reason: string, topology: Topology): void {
    if (reason === refused) return;
    const { generation, step } = topology;
    log.error({ generation, step, reason }, 'refused a topology: the last good state is kept');
    refused = reason;
  }

  /** Takes note of what the targets came to; the moment it is first true counts. */
  function note(now: Current): { readonly did: SidecarReport['did']; readonly tookMs: number } {
    const { generation, step, phase } = now.topology;
    const all = deedOf(
      phase,
      targets.map((target) => target.state(uniqsign)),
    );
    if (all === 'watching' || all === 'failed') return { did: all, tookMs: 0 };
    if (durable < generation) return { did: 'watching', tookMs: 0 };
    const key = `${generation} ${phase}`;
    if (done?.key !== key) {
      const tookMs = Math.round((clock.now() - now.phaseMs) * 10) / 10;
      done = { key, tookMs };
      log.info({ generation, step, tookMs }, all === 'cut' ? 'cut every member' : 'routed to the writer');
      if (all === 'routed') void announce(now, tookMs);
    }
    return { did: all, tookMs: done.tookMs };
  }

  /** Once per generation, by the process that saw it come. */
  async function announce(now: Current, tookMs: number): Promise<void> {
    const { generation } = now.topology;
    if (!now.isNews || announced >= generation) return;
    announced = generation;
    const event = routedEvent(now.topology, {
      id: options.id,
      tookMs,
      sinceGenerationMs: Math.round((clock.now() - now.generationMs) * 10) / 10,
      targets: targets.map((target) => target.state(uniqsign)),
    });
    await hub.putEvent(uniqsign, event).catch((error: unknown) => {
      log.debug({ err: error }, 'an event was not stored');
    });
  }

  function nextReport(): SidecarReport {
    seq += 1;
    const base = {
      v: 1 as const,
      id: options.id,
      serves: targets.some((target) => target.canCut) ? [...allowed.members] : [],
      floor: memory.floor(uniqsign),
      leaving,
      seq,
    };
    if (current === null) {
      const did = refused === '' ? 'watching' : 'failed';
      return { ...base, generation: 0, step: 0, did, detail: refused, tookMs: 0, targets: [] };
    }
    const { generation, step, phase } = current.topology;
    const { did, tookMs } = note(current);
    const states = targets.map((target) => {
      const { name, tookMs, down, ...state } = target.state(uniqsign);
      const details = [state.routeDetail, state.fileDetail].filter((text) => text !== '').join('; ');
      const ok = isDone(phase, target.state(uniqsign));
      return { ok, down, shown: { name, ok, detail: details.slice(0, 1000), tookMs } };
    });
    const isTrouble = ({ ok, down }: (typeof states)[number]) => down || (did === 'failed' && !ok);
    const troubles = states.filter(isTrouble).map(({ shown }) => `${shown.name}: ${shown.detail}`);
    const detail = [...(refused === '' ? [] : [refused]), ...troubles].join('; ');
    return {
      ...base,
      generation,
      step,
      did,
      detail: detail.slice(0, 4000),
      tookMs,
      targets: states.map(({ shown }) => shown),
    };
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
      const topology = await hub.readTopology(uniqsign);
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

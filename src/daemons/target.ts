import type { TargetConfig } from '../config/types.ts';
import type { Phase } from '../core/model.ts';
import { isDone, type TargetState } from '../core/sidecar-deed.ts';
import type { Resolver } from '../haproxy/resolve.ts';
import type { Router } from '../haproxy/router.ts';
import type { Clock, Log } from '../ports.ts';
import type { Run } from '../render/apply.ts';
import type { TargetKind } from '../targets/target.ts';
import { type Aim, freshState, proofFor, runningOf, troubleOf, viewsOf } from './aim.ts';
import { createFileWriter, type FileWriter } from './file-writer.ts';
import { createLane, type How, type Lane } from './lane.ts';
import { type Steered, steer, type Wanted } from './steering.ts';

/** One target, kept in line with all its clusters: the running router first, then the file. */
export interface Target {
  readonly name: string;
  /** It has a running router to ask: it can cut a server off, and its cut can be waited for. */
  readonly canCut: boolean;
  /** Follows this topology from now on; resolves after the first attempt at everything it asks for. */
  want(wanted: Wanted): Promise<void>;
  /** How it stands with the topology of this cluster. */
  state(uniqsign: string): TargetState;
  /** Somebody touched its file: looks at it now. */
  touched(): void;
  /** Stops trying; everything stays as it is. Resolves when nothing is under way any more. */
  rest(): Promise<void>;
}

export interface TargetOptions {
  readonly target: TargetConfig;
  readonly kind: TargetKind;
  /** Uniqsigns of its clusters, in the order of the configuration. */
  readonly uniqsigns: readonly string[];
  readonly templatesDir: string | null;
  readonly reconcileMs: number;
  readonly routers: readonly Router[];
  readonly resolver: Resolver;
  readonly serverId: (address: string) => string;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Log;
  /** Something in `state` changed. */
  readonly onChange: (uniqsign: string) => void;
}

/** A router that starts during a handover opens what its file says: it must not stay unseen for long. */
const REST_MS: Readonly<Partial<Record<Phase, number>>> = { closing: 250, opening: 250, halted: 1_000 };
const PROVE_MS = 5_000;
const CUT_AGAIN_MS = 100;

interface SteeredAim extends Aim {
  readonly lane: Lane<Wanted>;
  /** What was last said about a failure, to say it once. */
  said: string;
}

export function createTarget(options: TargetOptions): Target {
  const { target, kind, clock, log } = options;
  const writer = fileWriter(options);
  const aims = new Map(options.uniqsigns.map((uniqsign) => [uniqsign, newAim()]));
  const fileLane = createLane<string>({ clock, restMs: () => options.reconcileMs, attempt: attemptFile });
  let fileJob = '';
  let fileStarted: Promise<void> = Promise.resolve();
  let isResting = false;

  function newAim(): SteeredAim {
    const restMs = ({ topology }: Wanted) =>
      Math.min(REST_MS[topology.phase] ?? options.reconcileMs, options.reconcileMs);
    const lane = createLane<Wanted>({ clock, restMs, attempt: attemptRoute });
    return {
      lane,
      wanted: null,
      stable: null,
      steered: null,
      state: freshState(target.name, kind),
      said: '',
    };
  }

  function update(uniqsign: string, change: Partial<TargetState>): void {
    const aim = aims.get(uniqsign);
    if (aim === undefined) return;
    const before = JSON.stringify(aim.state);
    aim.state = { ...aim.state, ...change };
    if (JSON.stringify(aim.state) !== before) options.onChange(uniqsign);
  }

  async function attemptRoute(wanted: Wanted, how: How): Promise<boolean> {
    const { uniqsign } = wanted.topology;
    const aim = aims.get(uniqsign);
    if (aim === undefined) return true;
    if (!kind.routes) {
      considerFile();
      return true;
    }
    try {
      const steered = await steerTo(wanted, how);
      if (how.signal.aborted) return false;
      if (!how.fresh && steered.changed) {
        log.warn({ uniqsign, target: target.name }, 'haproxy had been set otherwise: set it again');
      }
      aim.steered = steered;
      const took = aim.state.route === steered.route ? {} : { tookMs: tookMs(wanted) };
      const { route, down, detail } = steered;
      settle(aim, { route, down, routeDetail: detail, ...took });
      considerFile();
      return steered.route !== 'lacking';
    } catch (error) {
      if (how.signal.aborted) return false;
      aim.steered = null;
      settle(aim, { route: 'failed', down: false, routeDetail: wordsIn(error) });
      considerFile();
      return false;
    }
  }

  /**
   * Brings the running router there. A reload under way may undo a cut, so the cut is done again and again
   * until the reload is over, and counts only then.
   */
  async function steerTo(wanted: Wanted, how: How): Promise<Steered> {
    const { topology, allowed } = wanted;
    const steerOptions = {
      backend: target.backend,
      proof: proofFor(target, allowed.tag),
      serverId: topology.writer === null ? '' : options.serverId(topology.writer),
      entrance: target.listen[allowed.tag] ?? target.bind[allowed.tag] ?? null,
      clock,
    };
    const steerOnce = () => steer(options.routers, wanted, steerOptions, how);
    if (topology.phase === 'stable') return steerOnce();
    for (let reload = writer.reloading(); reload !== null; reload = writer.reloading()) {
      await steerOnce().catch(() => undefined);
      await soonest(reload, how.signal);
      if (how.signal.aborted) break;
    }
    return steerOnce();
  }

  async function soonest(reload: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const nap = new AbortController();
    const slept = clock.sleep(CUT_AGAIN_MS, AbortSignal.any([signal, nap.signal]));
    await Promise.race([reload.catch(() => undefined), slept]);
    nap.abort();
  }

  function settle(aim: SteeredAim, change: Partial<TargetState>): void {
    const uniqsign = aim.wanted?.topology.uniqsign ?? '';
    update(uniqsign, change);
    const trouble = troubleOf(aim.state);
    if (trouble !== '' && trouble !== aim.said) {
      log.error({ uniqsign, target: target.name, reason: trouble }, 'target failed: will be tried again');
    }
    if (trouble === '' && aim.said !== '')
      log.info({ uniqsign, target: target.name }, 'target is well again');
    aim.said = trouble;
  }

  /** Files hold stable topologies only, and wait for clusters that never had one. */
  function considerFile(): void {
    if (isResting) return;
    const all = [...aims.values()];
    const unknown = [...aims].filter(([, { stable }]) => stable === null);
    const names = unknown.map(([uniqsign, { wanted }]) => wanted?.allowed.tag ?? uniqsign);
    for (const aim of all.filter(
      ({ wanted }) => wanted !== null && (names.length > 0 || !isStable(wanted)),
    )) {
      const awaited = names.length > 0 ? names.join(', ') : aim.wanted?.allowed.tag;
      settle(aim, { fileDetail: `the file waits for a stable topology of ${awaited}` });
    }
    if (names.length > 0 || !all.some(({ wanted }) => isStable(wanted))) return;
    if (all.some((aim) => aim.state.route === 'busy')) return;
    const job = JSON.stringify(
      all.map(({ wanted, state }) => [wanted?.topology.generation, wanted?.topology.step, state.route]),
    );
    if (job === fileJob) return;
    fileJob = job;
    fileStarted = fileLane.want(job);
  }

  async function attemptFile(_job: string, how: How): Promise<boolean> {
    const all = [...aims.values()];
    try {
      const views = await viewsOf(all, options);
      // A new worker opens what the file says, also where nobody may be routed now. Without a socket the old
      // worker leads there as well, and only a reload brings the others to their writers.
      const mayReload = options.routers.length === 0 || all.every(({ wanted }) => isStable(wanted));
      const done = await writer.write(views, runningOf(all), () => !how.signal.aborted, mayReload);
      // Also when newer news came meanwhile: the new worker stands as its file said.
      if (done?.reloaded === true && how.signal.aborted) await steerAgain(all);
      if (how.signal.aborted || done === null) return false;
      for (const aim of all.filter(({ wanted }) => isStable(wanted))) {
        const isNews = aim.state.file !== 'written' && aim.state.route !== 'done' && aim.wanted !== null;
        const took = isNews && aim.wanted !== null ? { tookMs: tookMs(aim.wanted) } : {};
        settle(aim, { file: 'written', fileDetail: done.detail, ...took });
      }
      if (done.reloaded) await steerAgain(all);
      return true;
    } catch (error) {
      if (how.signal.aborted) {
        await steerAgain(all);
        return false;
      }
      for (const aim of all) settle(aim, { file: 'failed', fileDetail: wordsIn(error) });
      return false;
    }
  }

  /** A new worker starts as the file says: prove it like any other state. */
  async function steerAgain(all: readonly SteeredAim[]): Promise<void> {
    if (options.routers.length === 0 || isResting) return;
    await Promise.all(all.map((aim) => (aim.wanted === null ? null : aim.lane.want(aim.wanted))));
  }

  return {
    name: target.name,
    canCut: options.routers.length > 0,
    async want(wanted) {
      const aim = aims.get(wanted.topology.uniqsign);
      if (aim === undefined) return;
      if (wanted.topology.phase !== 'stable') {
        fileLane.rest();
        fileJob = '';
      }
      const isCutAlready = isSameCut(aim.wanted, wanted) && isDone('closing', aim.state);
      aim.wanted = wanted;
      if (isStable(wanted)) aim.stable = wanted;
      // Another phase of a handover whose cut is proven: the lane goes on watching over it.
      if (isCutAlready) return;
      aim.steered = null;
      aim.state = freshState(target.name, kind);
      await aim.lane.want(wanted);
      await fileStarted;
    },
    state: (uniqsign) => aims.get(uniqsign)?.state ?? freshState(target.name, kind),
    touched: () => fileLane.nudge(),
    async rest() {
      isResting = true;
      fileLane.rest();
      for (const { lane } of aims.values()) lane.rest();
      await writer.idle();
    },
  };

  function tookMs(wanted: Wanted): number {
    return Math.round((clock.now() - wanted.seenMs) * 10) / 10;
  }
}

function isStable(wanted: Wanted | null): boolean {
  return wanted?.topology.phase === 'stable';
}

/** Both ask for the same: nobody is routed, at this generation. */
function isSameCut(before: Wanted | null, next: Wanted): boolean {
  return (
    before?.topology.generation === next.topology.generation &&
    before.topology.phase !== 'stable' &&
    next.topology.phase !== 'stable'
  );
}

function fileWriter(options: TargetOptions): FileWriter {
  const { target, kind, templatesDir, routers, run, clock, log } = options;
  const output = {
    dest: target.dest,
    mode: target.mode,
    checkCmd: target.checkCmd,
    tag: target.clusters.join(','),
  };
  return createFileWriter({
    kind,
    output,
    template: target.template,
    templatesDir,
    reloadCmd: target.reloadCmd,
    backend: target.backend,
    options: target.options,
    routers,
    run,
    clock,
    log: log.child({ target: target.name }),
    proveMs: PROVE_MS,
  });
}

function wordsIn(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

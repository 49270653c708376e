/**
 * mmm-identify: reads what everybody saw and did, decides, and commits the decision by compare-and-set.
 * Several may run: one leads, the others watch. Each change is decided on the stored text it replaces, so of two that
 * both think they lead only one lands.
 */
import { type Decision, decide } from '../core/decide.ts';
import { whomToFence } from '../core/fencing.ts';
import { setupLimits } from '../core/limits.ts';
import type { Change } from '../core/outcome.ts';
import type { Cluster, Situation } from '../core/situation.ts';
import { observe, type Watch } from '../core/watch.ts';
import type { Clock, ClusterState, Hub, Log, Memory } from '../ports.ts';
import { createFencer, type FenceCommand } from './fencer.ts';
import { createLeadership } from './leadership.ts';
import { createLegacyKeeper } from './legacy-keeper.ts';

export interface Identify {
  /** One reading, one decision, at most one change. Resolves true when a change landed: look again at once. */
  step(): Promise<boolean>;
  /** Lets another identify lead at once. */
  resign(): Promise<void>;
}

/** Decides for one cluster. */
export function createIdentify(options: {
  /** Who this identify is among its like. */
  readonly id: string;
  readonly cluster: Cluster;
  readonly topic: string;
  /** How often the ancestor's keys are compared and repaired. */
  readonly repairMs: number;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  /** `fence_cmd`; null: there is none. */
  readonly fenceCommand: FenceCommand | null;
  /** Called when there is something new to decide on that Redis does not tell of. */
  readonly onNews: () => void;
}): Identify {
  const { cluster, hub, clock, memory, log } = options;
  const { uniqsign } = cluster;
  let watch: Watch | null = null;
  let isNewLeader = false;
  const legacy = createLegacyKeeper(options);
  const leadership = createLeadership({ ...options, uniqsign });
  const fencer = createFencer({ ...options, command: options.fenceCommand, onEnd: options.onNews });
  const said = new Map<string, string>();

  async function step(): Promise<boolean> {
    const { leads, isNew } = await leadership.check();
    // The reading that follows may fail.
    isNewLeader ||= isNew;
    const state = await hub.read(uniqsign);
    if (state.topology !== null) remember(state.topology.generation);
    const seen = observe(
      watch,
      { ...state, legacyWriter: state.legacy.masterHost },
      {
        cluster,
        floor: memory.floor(uniqsign),
        nowMs: clock.now(),
        fence: fencer.last(),
        isNewLeader,
      },
    );
    watch = seen.watch;
    isNewLeader = false;
    sayOnce('complaints', state.complaints.join('; '), () =>
      log.warn({ uniqsign, complaints: state.complaints }, 'documents in redis were refused'),
    );
    if (!leads) return false;
    const decision = decide(seen.situation);
    tell(decision);
    for (const answer of decision.answers ?? []) await hub.answer(uniqsign, answer);
    if (decision.change !== undefined) return commit(state, decision, decision.change);
    fence(seen.situation);
    await legacy.keep(seen.situation.topology, state.legacy);
    warnOfLimits(seen.situation);
    return (decision.answers ?? []).length > 0;
  }

  async function commit(state: ClusterState, decision: Decision, change: Change): Promise<boolean> {
    const result = await hub.commit({
      basedOn: state.topologyText,
      next: change.next,
      events: change.events,
      legacy: change.legacy === null ? null : { ...change.legacy, sinceEpochMs: clock.epochMs() },
      announceOn: change.announce ? options.topic : null,
      takes: change.takes,
      answers: change.answers,
    });
    const { generation, step: number, phase, writer } = change.next;
    const fields = {
      uniqsign,
      tag: cluster.tag,
      rule: decision.rule,
      generation,
      step: number,
      phase,
      writer,
      says: decision.says,
    };
    if (result === 'committed') {
      // Only what was stored counts as seen: a mere intention must not make the stored topology look outdated.
      remember(change.next.generation);
      log.info(fields, 'topology changed');
    } else log.info({ ...fields, result }, 'somebody else was first, looking again');
    return true;
  }

  /**
   * It counts as seen at once, and the disk follows: clients may be waiting for the next step. A full disk must not keep
   * anybody from being opened: without it, it counts until we are restarted.
   */
  function remember(generation: number): void {
    memory.raise(uniqsign, generation).then(
      () => sayOnce('memory', '', () => undefined),
      (err: unknown) =>
        sayOnce('memory', String(err), () =>
          log.error({ uniqsign, generation, err }, 'cannot remember the generation'),
        ),
    );
  }

  function fence(s: Situation): void {
    const address = whomToFence(s);
    if (address !== null && s.topology !== null) fencer.fence(s.topology, address);
  }

  function warnOfLimits(s: Situation): void {
    for (const limit of setupLimits(s)) {
      sayOnce(`limit ${limit}`, limit, () =>
        log.warn({ uniqsign, tag: cluster.tag, limit }, 'this set-up has a limit'),
      );
    }
  }

  /** Each sentence once: a rule repeats itself with other milliseconds. */
  function tell(decision: Decision): void {
    log.debug({ uniqsign, rule: decision.rule, says: decision.says }, 'decided');
    sayOnce('rule', decision.alarm ? decision.says.replace(/\d+(\.\d+)? ?m?s\b/g, '') : '', () =>
      log.warn({ uniqsign, tag: cluster.tag, rule: decision.rule, says: decision.says }, 'attention'),
    );
  }

  function sayOnce(topic: string, text: string, say: () => void): void {
    if (said.get(topic) === text) return;
    said.set(topic, text);
    if (text !== '') say();
  }

  return { step, resign: leadership.resign };
}

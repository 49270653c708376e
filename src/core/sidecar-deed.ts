/**
 * What a sidecar may claim, from how its targets stand.
 *
 * - `cut` promises that nobody is routed to any server. Only targets that route may promise it, and only
 *   when every one of them is proven: a sidecar that merely writes files never claims it.
 * - `routed` promises that clients of every router reach the writer, by proof of the running router, or by
 *   the written and reloaded file where there is no running router to ask. Other files follow later, unless
 *   files are all there is.
 */

import type { z } from 'zod';
import type { Direction } from './direction.ts';
import type { Event, Phase, SidecarDeed } from './model.ts';

export interface TargetState {
  readonly name: string;
  /**
   * The running router: `none` this kind has none, `unable` it cannot be asked (no socket), `nobody` it is
   * not running, `lacking` it has no server line for the writer, `done` proven.
   */
  readonly route: 'busy' | 'none' | 'unable' | 'nobody' | 'lacking' | 'failed' | 'done';
  readonly file: 'busy' | 'waiting' | 'failed' | 'written';
  /** The router itself holds the writer for down, so clients may be turned away although it is routed. */
  readonly down: boolean;
  readonly routeDetail: string;
  readonly fileDetail: string;
  /** From first sight of the phase to routed, or to written where nothing is routed. */
  readonly tookMs: number;
}

/** What is true of all targets of a cluster together, in this phase. */
export function deedOf(phase: Phase, targets: readonly TargetState[]): z.infer<typeof SidecarDeed> {
  const routers = targets.filter((target) => target.route !== 'none');
  return phase === 'stable' ? whenStable(targets, routers) : whenCut(routers);
}

/** Whether a target has done all it has to do in this phase. */
export function isDone(phase: Phase, target: TargetState): boolean {
  const routed = ['done', 'none', 'nobody'].includes(target.route);
  if (phase !== 'stable') return routed;
  return (routed || target.route === 'unable') && target.file === 'written';
}

/** The event that a generation's writer is reached through every router. */
export function routedEvent(
  topology: Direction,
  facts: {
    readonly id: string;
    /** From first sight of the stable phase. */
    readonly tookMs: number;
    /** From first sight of the generation. */
    readonly sinceGenerationMs: number;
    readonly targets: readonly TargetState[];
  },
): Event {
  const how = facts.targets.map(
    ({ name, routeDetail, fileDetail }) => `${name}: ${routeDetail || fileDetail}`,
  );
  return {
    kind: 'routed',
    generation: topology.generation,
    phase: topology.phase,
    from: topology.from ?? '',
    to: topology.writer ?? '',
    proof: '',
    reason: `${facts.tookMs} ms after stable; ${how.join('; ')}`.slice(0, 1000),
    loss: '',
    took: String(facts.sinceGenerationMs),
    by: `mmm-sidecar ${facts.id}`,
  };
}

function whenCut(routers: readonly TargetState[]): z.infer<typeof SidecarDeed> {
  if (routers.length === 0 || routers.some((target) => target.route === 'busy')) return 'watching';
  return routers.every((target) => target.route === 'done' || target.route === 'nobody') ? 'cut' : 'failed';
}

function whenStable(
  targets: readonly TargetState[],
  routers: readonly TargetState[],
): z.infer<typeof SidecarDeed> {
  const counted = routers.length === 0 ? targets : routers;
  const stands = counted.map((target) => {
    if (target.route === 'done') return 'good';
    if (target.route === 'failed' || target.route === 'lacking' || target.file === 'failed') return 'bad';
    return target.route !== 'busy' && target.file === 'written' ? 'good' : 'busy';
  });
  if (stands.includes('bad')) return 'failed';
  return counted.length === 0 || stands.includes('busy') ? 'watching' : 'routed';
}

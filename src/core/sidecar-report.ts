/** What a sidecar tells of one cluster. */
import { type Direction, isAncestors } from './direction.ts';
import type { SidecarReport } from './model.ts';
import { isDone, type TargetState } from './sidecar-deed.ts';

export interface Telling {
  readonly id: string;
  /** Members it can cut off. */
  readonly serves: readonly string[];
  readonly floor: number;
  readonly leaving: boolean;
  readonly seq: number;
  /** Why the latest topology is not followed; empty when it is. */
  readonly refused: string;
  /** What all targets together came to, and when. */
  readonly did: SidecarReport['did'];
  readonly tookMs: number;
}

/** The report on what is followed; null: nothing was ever known. */
export function sidecarReport(
  direction: Direction | null,
  telling: Telling,
  states: readonly TargetState[],
): SidecarReport {
  const { refused, did, tookMs, serves, ...rest } = telling;
  const base = { v: 1 as const, ...rest, serves: [...serves] };
  if (direction === null) {
    const nothing = refused === '' ? 'watching' : 'failed';
    return { ...base, generation: 0, step: 0, did: nothing, detail: refused, tookMs: 0, targets: [] };
  }
  const { generation, step, phase } = direction;
  const targets = states.map((state) => ({ state, shown: shownOf(direction, state) }));
  const troubles = targets
    .filter(({ state }) => isTrouble(state, did === 'failed' && !isDone(phase, state)))
    .map(({ shown }) => `${shown.name}: ${shown.detail}`);
  const source = isAncestors(direction) ? ['follows the Perl mmm-identify'] : [];
  const detail = [...source, ...(refused === '' ? [] : [refused]), ...troubles].join('; ');
  return {
    ...base,
    generation,
    step,
    did,
    detail: detail.slice(0, 4000),
    tookMs,
    targets: targets.map(({ shown }) => shown),
  };
}

/** A router that is not running, or turns clients away, has all it can have; its clients reach nobody. */
function isTrouble({ down, route }: TargetState, failed: boolean): boolean {
  return failed || down || route === 'nobody';
}

function shownOf({ phase }: Direction, state: TargetState): SidecarReport['targets'][number] {
  const details = [state.routeDetail, state.fileDetail].filter((text) => text !== '').join('; ');
  return { name: state.name, ok: isDone(phase, state), detail: details.slice(0, 1000), tookMs: state.tookMs };
}

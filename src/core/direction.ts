/**
 * Where clients belong: what a sidecar follows.
 *
 * A topology says it. Where there has never been one, because only the ancestor's Perl programs run, their keys
 * do: the same shape, generation 0, always stable. So there is no cut before a switch, and the first topology is
 * newer than all of it. The keys never count again once anybody has seen a topology: they may be old.
 */
import type { AgentReport, SidecarReport, Topology } from './model.ts';

export type Direction = Pick<
  Topology,
  'uniqsign' | 'tag' | 'generation' | 'step' | 'phase' | 'from' | 'to' | 'writer' | 'members'
>;

/** The ancestor's last pair: `-mode` active and passive, `-master` host. */
export interface AncestorPair {
  readonly active: string | null;
  readonly passive: string | null;
  readonly masterHost: string | null;
  /** In `-master`, and ours: the generation that was told last. */
  readonly masterGeneration?: string | null;
}

/** Whether it comes from the ancestor's keys. */
export function isAncestors({ generation }: Direction): boolean {
  return generation === 0;
}

/**
 * The ancestor's keys as a direction; null when they name no master. It writes `-master` last, and repeats all
 * when it was killed before: until then the host named there is the writer. How the other one is, nobody knows.
 */
export function ancestorDirection(
  cluster: { readonly tag: string; readonly uniqsign: string },
  { active, passive, masterHost: writer }: AncestorPair,
  step: number,
): Direction | null {
  if (writer === null) return null;
  const other = [passive, active].find((address) => address !== null && address !== writer) ?? null;
  const standbys = other === null ? [] : [other];
  return {
    tag: cluster.tag,
    uniqsign: cluster.uniqsign,
    generation: 0,
    step,
    phase: 'stable',
    from: null,
    to: writer,
    writer,
    members: [
      { address: writer, role: 'writer', kind: 'master', state: 'online' },
      ...standbys.map((address) => ({ address, role: 'standby', kind: 'master', state: 'unknown' }) as const),
    ],
  };
}

/** The highest generation that anything tells of; 0: nothing but the ancestor has decided yet. */
export function generationReported(state: {
  readonly agents: readonly AgentReport[];
  readonly sidecars: readonly SidecarReport[];
  readonly legacy: AncestorPair;
}): number {
  const floors = [...state.agents, ...state.sidecars].map(({ floor }) => floor);
  return Math.max(0, Number(state.legacy.masterGeneration ?? 0), ...floors);
}

import type { Topology } from '../core/model.ts';
import { passiveOf } from '../core/outcome.ts';
import type { Cluster } from '../core/situation.ts';
import type { Clock, Hub, LegacyKeys, Log } from '../ports.ts';

/** Keeps the ancestor's keys as they should be: somebody may edit or delete them. */
export interface LegacyKeeper {
  /**
   * Compares them with the topology that was read at the same instant, at most once in `repairMs`, and repairs
   * what differs, without a message. In a handover nothing is touched.
   */
  keep(topology: Topology | null, found: LegacyKeys): Promise<void>;
}

export function createLegacyKeeper(options: {
  readonly cluster: Cluster;
  readonly repairMs: number;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
}): LegacyKeeper {
  const { cluster, hub, clock, log } = options;
  const { uniqsign } = cluster;
  let lastMs = Number.NEGATIVE_INFINITY;
  /** As first read: nothing else knows it once it is lost. */
  let since: { readonly generation: number; readonly text: string } | null = null;

  function note(t: Topology, found: LegacyKeys): void {
    if (since?.generation === t.generation) return;
    const isOfNow = found.masterGeneration === String(t.generation) && found.masterHost === t.writer;
    since =
      isOfNow && found.masterSince !== null ? { generation: t.generation, text: found.masterSince } : null;
  }

  function pair(t: Topology) {
    if (t.phase !== 'stable' || t.writer === null) return nobody;
    return {
      active: t.writer,
      passive: passiveOf(t, t.writer),
      masterHost: t.writer,
      masterGeneration: String(t.generation),
      masterSince: since?.text ?? null,
    };
  }

  /** A Perl mmm-identify that goes on deciding would change them again and again. */
  function warnOfRival({ writer }: Topology, found: LegacyKeys): void {
    const named = [found.masterHost, found.active].find((host) => host !== null && host !== writer);
    if (writer === null || named === undefined) return;
    log.warn(
      { uniqsign, named, writer },
      "somebody changed the writer in the ancestor's keys, it was put back: is a Perl mmm-identify still running?",
    );
  }

  return {
    async keep(t, found) {
      if (t === null || (t.phase !== 'stable' && t.phase !== 'halted')) return;
      note(t, found);
      if (clock.now() - lastMs < options.repairMs) return;
      lastMs = clock.now();
      const repaired = await hub.repairLegacy(uniqsign, {
        ...pair(t),
        servicemode: '1',
        primaryhost: cluster.masters[0] ?? null,
        secondaryhost: cluster.masters[1] ?? null,
        members: cluster.masters,
      });
      if (repaired.length === 0) return;
      log.info({ uniqsign, keys: repaired }, "brought the ancestor's keys in line");
      if (t.phase === 'stable') warnOfRival(t, found);
    },
  };
}

const nobody = {
  active: null,
  passive: null,
  masterHost: null,
  masterGeneration: null,
  masterSince: null,
} as const;

/**
 * mmm-monitor: a plain sensor. Keeps a connection to each member, looks at it regularly and at once when
 * the connection breaks, and writes what it saw. It decides nothing.
 */
import { legacyCheck } from '../core/legacy.ts';
import type { History, LegacyCheck, Link, Look, Probe } from '../core/model.ts';
import { linkFrom } from '../core/situation.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Hub, Log, Server } from '../ports.ts';

/** A cluster to be watched. */
export interface MonitoredCluster {
  readonly uniqsign: string;
  readonly masters: readonly string[];
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly confirmMs: number;
  /** Longest period of the legacy check hash. */
  readonly intervalMs: number;
}

export interface Monitor {
  /** Looks at one member and writes what it saw; resolves with how long to wait for the next look. */
  probe(address: string): Promise<number>;
}

/** How often a member is looked at while somebody is suspected dead. */
const SUSPICION_MS = 25;

/** One cluster's monitor. `servers` must hold every master. */
export function createMonitor(options: {
  readonly id: string;
  readonly cluster: MonitoredCluster;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
  readonly servers: ReadonlyMap<string, Server>;
}): Monitor {
  const { id, cluster, hub, clock, log } = options;
  const probes = new Map<string, Probe>();
  const sinceMs = new Map<string, number>();
  const held = new Map<string, History>();
  const heard = new Map<string, { text: string; ms: number }>();
  const checks = new Map<string, { check: LegacyCheck; ms: number }>();
  let seq = 0;

  async function probe(address: string): Promise<number> {
    const startedMs = clock.now();
    const seen = await look(address);
    const before = probes.get(address);
    if (before?.status !== seen.status) {
      // A refusal is news of this moment; silence began when we asked.
      sinceMs.set(address, seen.status === 'refused' ? clock.now() : startedMs);
      note(address, before, seen);
    }
    const isGone = seen.status === 'refused' || seen.status === 'silent';
    probes.set(address, {
      ...seen,
      forMs: clock.now() - (sinceMs.get(address) ?? startedMs),
      failures: isGone ? (before?.failures ?? 0) + 1 : 0,
    });
    seq += 1;
    await hub.putFacts({ v: 1, id, uniqsign: cluster.uniqsign, seq, members: Object.fromEntries(probes) });
    await putCheck(address);
    return suspicionMs() ?? cluster.probeIntervalMs;
  }

  async function look(address: string): Promise<Pick<Probe, 'status' | 'reason' | 'look'>> {
    const server = options.servers.get(address);
    if (server === undefined) throw new Error(`no server for ${address}`);
    try {
      return {
        status: 'up',
        reason: '',
        look: timeLinks(address, await server.look(cluster.probeTimeoutMs, othersThan(address))),
      };
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return { status: error.trouble, reason: error.message, look: null };
    }
  }

  /** What the others held when they were last seen, also of one that is gone now. */
  function othersThan(address: string): readonly History[] {
    return [...held].flatMap(([other, history]) => (other === address ? [] : [history]));
  }

  /** Adds how long each link has brought neither event nor heartbeat. */
  function timeLinks(address: string, seen: Look): Look {
    const links = seen.links.map((link): Link => {
      const key = `${address} ${link.from}`;
      const before = heard.get(key);
      const isSame = before?.text === link.heard;
      const ms = isSame ? before.ms : clock.now();
      heard.set(key, { text: link.heard, ms });
      return { ...link, quietMs: clock.now() - ms };
    });
    held.set(address, seen.history);
    return { ...seen, links };
  }

  async function putCheck(address: string): Promise<void> {
    const current = probes.get(address);
    if (current === undefined) return;
    const peer = cluster.masters.find((a) => a !== address);
    const link =
      current.look === null || peer === undefined
        ? undefined
        : (linkFrom(current.look, peer, probes.get(peer)?.look ?? undefined) ?? current.look.links[0]);
    const check = legacyCheck(current, link, clock.epochMs());
    const before = checks.get(address);
    // The next look would come too late.
    const isDue =
      before === undefined || clock.now() + cluster.probeIntervalMs - before.ms > cluster.intervalMs;
    if (!isDue && isSameCheck(before.check, check)) return;
    await hub.putCheck(cluster.uniqsign, address, check);
    checks.set(address, { check, ms: clock.now() });
  }

  /** Somebody is newly gone: everybody's view of it matters now, for a short while, and right when it is confirmed. */
  function suspicionMs(): number | null {
    const gone = [...probes.values()]
      .filter((p) => p.status === 'refused')
      .map((p) => cluster.confirmMs - p.forMs);
    const newest = Math.max(...gone);
    if (newest < -cluster.confirmMs - 500) return null;
    return newest > 0 ? Math.min(SUSPICION_MS, newest + 1) : SUSPICION_MS;
  }

  function note(address: string, before: Probe | undefined, seen: { status: string; reason: string }): void {
    const fields = { uniqsign: cluster.uniqsign, member: address, status: seen.status };
    if (seen.status !== 'up')
      log.warn({ ...fields, reason: seen.reason }, 'member does not answer as it should');
    else if (before !== undefined) log.info(fields, 'member answers again');
    else log.info(fields, 'member answers');
  }

  return { probe };
}

function isSameCheck(a: LegacyCheck, b: LegacyCheck): boolean {
  return a.ping === b.ping && a.repl_check === b.repl_check && a.read_only === b.read_only;
}

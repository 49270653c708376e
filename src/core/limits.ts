/**
 * What this set-up does not survive without help, said before it happens: a dead server or host that nothing could
 * prove closed, and clients that nobody leads to the new writer.
 */
import { appliedFrom } from './binlog-history.ts';
import { healthOf, isLive, isLocal } from './gates.ts';
import { leaseWaitMs, mayExpire } from './held-lease.ts';
import type { Topology } from './model.ts';
import { linkFrom, type Situation } from './situation.ts';

/** Sidecars and agents that start together with identify have reported by then. */
const SETTLE_MS = 5000;

/** One sentence each, with the ways out; empty when there are none, or when it is too early to say. */
export function setupLimits(s: Situation): readonly string[] {
  const t = s.topology;
  if (t?.phase !== 'stable' || t.writer === null || s.watchedMs < SETTLE_MS) return [];
  return [
    ...deathLimits(s, t, t.writer),
    ...heartbeatLimits(s, t.writer),
    ...comparisonLimits(s, t.writer),
    ...strandedClients(s, t, t.writer),
  ];
}

function deathLimits(s: Situation, t: Topology, writer: string): readonly string[] {
  const { fencing } = s.cluster.policy;
  if (fencing === 'none' || s.cluster.canFence) return [];
  const startsClosed = s.agents.get(writer)?.report.startsClosed === true;
  if (mayExpire(s, t, writer)) return startsClosed ? [] : [slowCrash(t, writer)];
  const beside = waysBeside(s, writer);
  if (fencing === 'strict') {
    return [
      `a crash of ${writer}, or a dead host (power cut: nothing answers, nothing refuses), would not fail over with fencing=strict. Ways out: ${beside}`,
    ];
  }
  const deadHost = `a dead host of ${writer} (power cut: nothing answers, nothing refuses) would not fail over`;
  const crash = startsClosed
    ? ''
    : `; a crash of its server would not either, unless it is known to start closed`;
  if (t.sidecars.length === 0 && t.routedBySidecars) {
    const why = 'every sidecar has left, and what they wrote may still lead clients to it';
    return [
      `${deadHost}${crash}: ${why}. Start mmm-sidecar again beside the proxies. Other ways out: ${beside}`,
    ];
  }
  return t.sidecars
    .filter((id) => !isLive(s, id))
    .map((id) => {
      const way = `start it or, gone for good: mmm-control forget ${id}`;
      return `${deadHost} while sidecar ${id} is silent${crash}: its cut cannot come; ${way}. Other ways out: ${beside}`;
    });
}

function slowCrash(t: Topology, writer: string): string {
  return `a crash of ${writer} would fail over only after ${leaseWaitMs(t) / 1000} s, when its lease has surely ended, because it is not known to start closed: put read_only=1 into its my.cnf`;
}

/** What proves a writer closed that nobody reaches. */
function waysBeside(s: Situation, writer: string): string {
  const lease = isLocal(s, writer)
    ? 'a lease for the agent beside it (its log says why it has none)'
    : 'an mmm-agent beside it (this= in mmm-agent.conf)';
  return `${lease}; or fence_cmd`;
}

/** While a standby still waits for the next heartbeat it counts as hearing the writer. */
function heartbeatLimits(s: Situation, writer: string): readonly string[] {
  const limits: string[] = [];
  for (const address of s.cluster.masters.filter((master) => master !== writer)) {
    const link = linkFrom(healthOf(s, address).look, writer, s.lastLook.get(writer));
    if (link === undefined) continue;
    const waitMs = 2 * link.heartbeatMs;
    if (waitMs > 0 && waitMs <= s.cluster.policy.silenceMs) continue;
    const after = waitMs === 0 ? 'its slave_net_timeout (no heartbeat is set)' : `${waitMs / 1000} s`;
    limits.push(
      `a dead host of ${writer} (power cut) would fail over only when ${address} misses it, after ${after}: CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD=1 on ${address}`,
    );
  }
  return limits;
}

/** Whoever comes back is compared first: where that cannot be done, nobody is taken back. */
function comparisonLimits(s: Situation, writer: string): readonly string[] {
  const mine = healthOf(s, writer).look?.history;
  return s.cluster.masters.flatMap((address) => {
    const theirs = healthOf(s, address).look?.history;
    if (address === writer || mine === undefined || theirs === undefined) return [];
    const back = `a returning server could not be compared with the writer, and would stay out`;
    if (mine.kind !== theirs.kind) {
      return [
        `${back}: ${writer} and ${address} number transactions differently; set gtid_mode alike on both`,
      ];
    }
    if (mine.kind !== 'binlog' || theirs.kind !== 'binlog') return [];
    return appliedFrom(mine, theirs) !== undefined && appliedFrom(theirs, mine) !== undefined
      ? []
      : [
          `${back}: without GTID ${writer} and ${address} must each replicate from the other: CHANGE MASTER TO on both`,
        ];
  });
}

function strandedClients(s: Situation, t: Topology, writer: string): readonly string[] {
  const word = s.agents.get(writer);
  if (t.sidecars.length > 0 || word === undefined || word.blocks) return [];
  const { failback, autoSetOnlineMs } = s.cluster.policy;
  const isAuto = failback === 'auto' && autoSetOnlineMs > 0;
  const howLong = isAuto
    ? `for ${autoSetOnlineMs / 1000} s (auto_set_online) and more after a crash, and until they are led back after a switchover`
    : 'until somebody leads them back';
  const ways = [
    'mmm-sidecar beside the proxy',
    'block_user and block_host in mmm-agent.conf',
    ...(isAuto ? [] : ['failback=auto, which at least ends it after a crash']),
  ];
  return [
    'clients that choose a server by themselves (a driver with a list of hosts, haproxy with a plain backup) would be ' +
      `stuck on the read-only one ${howLong}: no sidecar is registered, and no accounts are blocked there. ` +
      `Ways out: ${ways.join('; or ')}`,
  ];
}

/** Failures that this set-up would not survive without help, said before they happen. */
import { healthOf, isLive } from './gates.ts';
import { linkFrom, type Situation } from './situation.ts';

/** One sentence each, with the way out; empty when a crash and a silent host both fail over. */
export function setupLimits(s: Situation): readonly string[] {
  const t = s.topology;
  if (t?.phase !== 'stable' || t.writer === null) return [];
  const limits: string[] = [];
  const startsClosed = s.agents.get(t.writer)?.report.startsClosed === true;
  const { fencing, silenceMs } = s.cluster.policy;
  if (fencing === 'strict' && !startsClosed) {
    limits.push(
      `a crash of ${t.writer} would not fail over: put read_only=1 into its my.cnf and starts_closed=yes into the agent's file`,
    );
  }
  if (fencing === 'strict')
    limits.push(`a silent host of ${t.writer} would not fail over: fencing=routed accepts the sidecars' cut`);
  if (t.sidecars.length === 0 && t.routedBySidecars && fencing === 'routed') {
    limits.push('every sidecar has left: only a writer known to start closed fails over');
  }
  for (const id of t.sidecars.filter((sidecar) => !isLive(s, sidecar))) {
    limits.push(
      `sidecar ${id} is registered and silent: its cut cannot come. Start it, or: mmm-control forget ${id}`,
    );
  }
  for (const address of s.cluster.masters) {
    if (address === t.writer) continue;
    const link = linkFrom(healthOf(s, address).look, t.writer, s.lastLook.get(t.writer));
    if (link !== undefined && link.heartbeatMs * 2 > silenceMs) {
      limits.push(
        `${address} would notice a silent ${t.writer} only after ${(link.heartbeatMs * 2) / 1000} s: CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD=1 on it`,
      );
    }
  }
  return limits;
}

import type { ClusterStatus } from '../core/status.ts';

/** The documented fields first, in their order; then what the text shows beside them. */
export function statusJson(all: readonly ClusterStatus[]): string {
  const clusters = all.map(
    ({ notes, parked, paused, paused_until, leader, lease, sidecars, members, ...cluster }) => ({
      ...cluster,
      members: members.map(({ age: _, ...member }) => member),
      notes,
      parked,
      paused,
      paused_until,
      leader,
      lease,
      sidecars,
    }),
  );
  return `${JSON.stringify({ clusters }, null, 2)}\n`;
}

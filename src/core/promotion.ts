/**
 * The last questions before a standby opens, asked on the server itself.
 *
 * Planned: it must hold everything the old writer held when it was closed. Unplanned: everything it
 * received must be applied, and what is known to be lost must be within the policy.
 */
import { type Extras, extras, upTo } from './history.ts';
import type { History, Link, Look, Topology } from './model.ts';

/** Not caught up yet, or a reason that will not go away by waiting. */
export type Readiness = 'ready' | 'waiting' | { readonly never: string };

/** Whether `look` is caught up enough to open. `link`: the one from the old writer. */
export function readiness(t: Topology, look: Look, link: Link | undefined): Readiness {
  if (t.kind === 'switchover') {
    if (t.position === null) return { never: 'the end of the old writer is not known' };
    const missing = missingOn(look, t.position);
    if (missing.count === 0) return 'ready';
    return stopped(link) ?? 'waiting';
  }
  if (t.kind !== 'failover') return 'ready';
  if (link === undefined) return 'ready';
  if (link.drained) return 'ready';
  return t.vouched?.loss === true && stopped(link) !== null ? 'ready' : (stopped(link) ?? 'waiting');
}

/**
 * What the old writer held and the new one lacks. By file and position, what the new one wrote itself is compared
 * before (a member that lost any of it is not online): here its log may just have gone on in another file.
 */
export function missingOn(look: Look, position: History): Extras {
  return extras(position, look.history, position.kind === 'binlog' ? look.serverId : undefined);
}

/** Why the loss is more than the policy bears, or null. Only what was seen before the crash can be counted. */
export function tooMuchLost(t: Topology, look: Look): string | null {
  const limit = t.policy.maxLostTransactions;
  if (t.vouched?.loss === true) return null;
  if (t.kind !== 'failover' || limit === null || t.position === null) return null;
  const lost = missingOn(look, t.position);
  if (lost.count <= limit) return null;
  return `${upTo(lost.count)} and perhaps more would be lost (${lost.list}), max_lost_transactions is ${limit}`;
}

function stopped(link: Link | undefined): Readiness | null {
  if (link?.sql !== 'no' || link.sqlError === '') return null;
  return { never: `the relay log cannot be applied: ${link.sqlError}` };
}

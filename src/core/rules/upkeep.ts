/**
 * The states of the standbys, and which links stay parked.
 *
 * A standby that was away is closed by its agent first; then the histories are compared. What it holds and
 * the writer lacks makes it `diverged`: closed, links parked both ways, until a person has looked. A clean
 * one replicates from the writer again (`recovering`), and only when it has caught up does the writer
 * replicate from it again (`online`). A link is never started on the strength of an old comparison.
 */

import { deathOf, healthOf } from '../gates.ts';
import { type Extras, misfit, obstacles, upTo } from '../history.ts';
import type { Link, Look, Member, MemberState, Parked, Topology } from '../model.ts';
import { adjust, event, type Outcome, park, parkBoth, unpark } from '../outcome.ts';
import { linkFrom, type Situation } from '../situation.ts';
import { lossEvent } from './loss.ts';

/** A standby's link may be down this long before the standby stops being online. */
const LINK_GRACE_MS = 3000;

interface Finding {
  readonly state: MemberState;
  readonly extra?: Extras;
  readonly why: string;
}

/** The change that makes every standby's state true, or null when all are. */
export function memberChanges(s: Situation, t: Topology): Outcome | null {
  const writer = t.writer;
  const writerLook = writer === null ? null : healthOf(s, writer).look;
  let parked: readonly Parked[] = t.parked;
  const told: { address: string; finding: Finding }[] = [];
  const members = t.members.map((member) => {
    if (writer === null || member.address === writer || member.kind !== 'master') return member;
    // A person works on it: its state and its links are left as they are.
    if (member.state === 'maintenance') return member;
    const finding = withFlapping(s, t, member, judge(s, t, calm(member), writer, writerLook));
    parked = parkFor(parked, finding.state, member.address, writer);
    if (isSame(member, finding)) return member;
    told.push({ address: member.address, finding });
    return apply(member, finding);
  });
  if (told.length === 0 && JSON.stringify(parked) === JSON.stringify(t.parked)) return null;
  const compared = told.map(({ address, finding }) => ({ address, ...finding }));
  const loss = lossEvent(t, compared);
  const change = adjust(t, {
    members,
    parked: [...parked],
    ...(loss === null ? {} : { unknownLoss: null }),
  });
  const sentence = told.map(({ address, finding }) => `${address} is ${finding.state}: ${finding.why}`);
  return {
    says: sentence.join('; ') || 'links follow the states of the members',
    alarm: told.some(({ finding }) => finding.state !== 'online' && finding.state !== 'recovering'),
    change: {
      ...change,
      events: [
        ...told.map(({ address, finding }) =>
          event(change.next, {
            kind: finding.state,
            from: address,
            reason: finding.why,
            loss: finding.extra === undefined ? '' : `${upTo(finding.extra.count)} (${finding.extra.list})`,
          }),
        ),
        ...(loss === null ? [] : [loss]),
      ],
    },
  };
}

/** One that flaps is judged as the online member it otherwise is. */
function calm(member: Member): Member {
  return member.state === 'flapping' ? { ...member, state: 'online' } : member;
}

function withFlapping(s: Situation, t: Topology, member: Member, finding: Finding): Finding {
  if (finding.state !== 'online') return finding;
  const within = `within ${t.policy.flapMs / 1000} s`;
  const count = s.outages.get(member.address) ?? 0;
  if (count >= t.policy.flapCount) {
    const why = `it follows the writer and could take over, but went offline ${count} times ${within}`;
    return { state: 'flapping', why };
  }
  return member.state === 'flapping'
    ? { state: 'online', why: `it went offline less than ${t.policy.flapCount} times ${within}` }
    : finding;
}

function judge(s: Situation, t: Topology, member: Member, writer: string, writerLook: Look | null): Finding {
  const address = member.address;
  const health = healthOf(s, address);
  const same: Finding = { state: member.state, ...(member.extra && { extra: member.extra }), why: '' };
  if (deathOf(s, address) !== null || (health.status === 'silent' && health.failures >= t.policy.tryTimes)) {
    return member.state === 'diverged' ? same : { state: 'offline', why: health.reason };
  }
  // Without both servers there is nothing to compare: what was known stays known.
  if (health.look === null || writerLook === null) return same;
  const extra = obstacles(health.look.history, writerLook.history);
  // The writer may have been read a moment before the standby: what lasts over another round of looks is real,
  // also when the writer wrote it itself once and has lost it.
  const lasts = member.state === 'diverged' || (s.extraMs.get(address) ?? 0) >= skewMs(t);
  if (extra.count > 0 && lasts) {
    const list = extra.list.slice(0, 1000);
    const why = `${misfit(extra, writer)}: ${list}`;
    return {
      state: 'diverged',
      extra: { ...extra, list },
      why: `${why}. Kept closed, links parked`,
    };
  }
  if (obstacles(health.look.history, writerLook.history, writerLook.serverId).count > 0) return same;
  const link = linkFrom(health.look, writer, writerLook);
  if (member.state === 'online') {
    const broken = (s.brokenMs.get(address) ?? 0) > LINK_GRACE_MS;
    return broken ? { state: 'recovering', why: `replication is not running${because(link)}` } : same;
  }
  // Online means: could take over. Without an agent nobody would open it.
  if (
    s.agents.has(address) &&
    isRunning(link) &&
    link?.lagSeconds !== null &&
    (link?.lagSeconds ?? 0) * 1000 <= t.policy.maxLagMs
  ) {
    return member.state === 'recovering' || member.state === 'unknown'
      ? { state: 'online', why: 'it replicates from the writer and lacks nothing' }
      : (recovering(s, t, address, writerLook) ?? same);
  }
  return member.state === 'recovering' ? same : (recovering(s, t, address, writerLook) ?? same);
}

/** A returned member may replicate once its agent has closed it at this generation. */
function recovering(s: Situation, t: Topology, address: string, writerLook: Look): Finding | null {
  const word = s.agents.get(address)?.report;
  if (word?.did !== 'closed' || word.generation !== t.generation || word.look === null) return null;
  // Its history after it was closed: the monitor's look may be older than its last write.
  if (obstacles(word.look.history, writerLook.history, writerLook.serverId).count > 0) return null;
  return { state: 'recovering', why: 'it is back, closed, and holds nothing the writer lacks' };
}

function parkFor(
  parked: readonly Parked[],
  state: MemberState,
  address: string,
  writer: string,
): readonly Parked[] {
  const fromIt = { on: writer, from: address };
  switch (state) {
    case 'online':
    case 'flapping':
      return unpark(parked, writer, address);
    // Its threads may start with it: what it skips of its own would count as received before anybody has compared.
    case 'offline':
    case 'diverged':
      return parkBoth(parked, writer, address);
    case 'recovering':
      return park(
        unpark(parked, writer, address),
        ...(parked.some((p) => p.on === writer && p.from === address) ? [fromIt] : []),
      );
    default:
      return parked;
  }
}

/** Longer than two looks at the writer can be apart. */
function skewMs(t: Topology): number {
  return 2 * t.policy.probeIntervalMs + 500;
}

function isRunning(link: Link | undefined): boolean {
  return link?.io === 'yes' && link.sql === 'yes';
}

function because(link: Link | undefined): string {
  if (link === undefined) return ': it is not configured';
  const error = link.sqlError || link.ioError;
  return error === '' ? '' : `: ${error}`;
}

function isSame(member: Member, finding: Finding): boolean {
  return member.state === finding.state && (member.extra?.list ?? '') === (finding.extra?.list ?? '');
}

function apply(member: Member, finding: Finding): Member {
  const { extra: _, ...rest } = member;
  return { ...rest, state: finding.state, ...(finding.extra && { extra: finding.extra }) };
}

/**
 * What the agent should do next with one member, from the topology and a fresh look at the server.
 *
 * Only the first thing that is due is returned; the agent does it, looks again and asks again. So every
 * step must be visible in the look (or in the agent's own durable memory) afterwards, and an agent that
 * is killed between any two steps goes on where it stopped.
 */
import { isSound } from './members.ts';
import type { Look, MemberReport, Topology } from './model.ts';
import { linkFrom } from './situation.ts';

export type Step =
  /** Nothing is due: report this. */
  | { readonly do: 'report'; readonly did: MemberReport['did']; readonly detail: string }
  /** Close and prove it. `gentle`: let running statements end, give up in time. */
  | { readonly do: 'close'; readonly gentle: boolean; readonly withinMs: number }
  /** Become the writer: catch up, check, open. */
  | { readonly do: 'promote' }
  | { readonly do: 'stop-link'; readonly from: string }
  | { readonly do: 'start-link'; readonly from: string };

/** What the agent remembers of this member. */
export interface Remembered {
  /** Its last report. */
  readonly last: MemberReport | null;
  /** Generation at which it last sent the statement that opens. */
  readonly spent: number;
  /** Highest generation at which the server must not be open (any more): opening failed, or its lease ended. */
  readonly givenUp: number;
  /** The looks at the other members, as far as known: tells which link comes from whom. */
  readonly peers: ReadonlyMap<string, Look>;
}

/** How long a fence may take when nobody set a budget. */
const CLOSE_MS = 3000;

/** The next step for `address`. */
export function plan(t: Topology, address: string, look: Look, r: Remembered): Step {
  const stop = linkToStop(t, address, look, r);
  if (t.phase === 'opening' && t.to === address) return opening(t, look, r);
  const close = closing(t, address, look, r);
  if (close !== null) return close;
  if (stop !== null) return { do: 'stop-link', from: stop };
  const start = linkToStart(t, address, look, r);
  if (start !== null) return { do: 'start-link', from: start };
  return steady(t, address, look, r);
}

/** A generation opens one server once: what was opened and is closed again needs a new decision. */
function opening(t: Topology, look: Look, r: Remembered): Step {
  const isOver = r.givenUp >= t.generation;
  if (isOver && !look.readOnly) return { do: 'close', gentle: false, withinMs: CLOSE_MS };
  if (r.last?.generation === t.generation && r.last.did === 'open-failed') return repeat(r.last);
  if (r.spent < t.generation && !isOver) return { do: 'promote' };
  if (!look.readOnly) return { do: 'report', did: 'opened', detail: '' };
  return { do: 'report', did: 'open-failed', detail: 'it was to be opened and is closed again (restarted?)' };
}

function closing(t: Topology, address: string, look: Look, r: Remembered): Step | null {
  if (mayStayOpen(t, address, r)) return null;
  const said = r.last?.generation === t.generation ? r.last.did : null;
  if (t.phase === 'closing' || said === 'close-failed') {
    if (said === 'closed' && look.readOnly) return null;
    // A gentle attempt that failed is final for its generation: identify undoes the switchover.
    const gentle = t.kind === 'switchover' && t.phase === 'closing' && address === t.from;
    if (gentle && said === 'close-failed' && r.last !== null) return repeat(r.last);
    return { do: 'close', gentle, withinMs: gentle ? Math.round(t.policy.writePauseMs / 2) : CLOSE_MS };
  }
  return look.readOnly ? null : { do: 'close', gentle: false, withinMs: CLOSE_MS };
}

/** The writer; and while closing, the one to be opened: it is closed already, restarted, or was never closed. */
function mayStayOpen(t: Topology, address: string, r: Remembered): boolean {
  if (t.phase === 'stable') return t.writer === address && r.givenUp < t.generation;
  if (t.phase === 'closing') return t.to === address;
  return t.phase === 'opening' && t.to === address;
}

function linkToStop(t: Topology, address: string, look: Look, r: Remembered): string | null {
  for (const parked of t.parked) {
    if (parked.on !== address) continue;
    const link = linkFrom(look, parked.from, r.peers.get(parked.from));
    if (link !== undefined && (link.io !== 'no' || link.sql !== 'no')) return link.from;
  }
  return null;
}

/**
 * Only links with both threads stopped, between members in good standing, and never while paused. One that fails
 * keeps its receiving thread: it is not started again and again.
 */
function linkToStart(t: Topology, address: string, look: Look, r: Remembered): string | null {
  if (t.phase !== 'stable' || t.writer === null || t.paused !== null) return null;
  const mine = t.members.find((m) => m.address === address);
  const mayFollow = mine !== undefined && (isSound(mine) || mine.state === 'recovering');
  const sources =
    t.writer === address
      ? t.members.filter((m) => isSound(m) && m.address !== address)
      : t.members.filter((m) => m.address === t.writer && mayFollow);
  for (const source of sources) {
    if (t.parked.some((p) => p.on === address && p.from === source.address)) continue;
    const link = linkFrom(look, source.address, r.peers.get(source.address));
    if (link !== undefined && link.io === 'no' && link.sql === 'no') return link.from;
  }
  return null;
}

function steady(t: Topology, address: string, look: Look, r: Remembered): Step {
  if (t.phase === 'stable' && t.writer === address) {
    return look.readOnly
      ? { do: 'report', did: 'watching', detail: 'it is the writer, and closed' }
      : { do: 'report', did: 'opened', detail: '' };
  }
  if (t.phase === 'closing' && mayStayOpen(t, address, r))
    return { do: 'report', did: 'watching', detail: '' };
  return { do: 'report', did: 'closed', detail: r.last?.did === 'closed' ? r.last.detail : '' };
}

function repeat(last: MemberReport): Step {
  return { do: 'report', did: last.did, detail: last.detail };
}

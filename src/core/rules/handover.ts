/**
 * The phases of every handover: closing, opening, and then stable or halted.
 *
 * The order is the whole point: prove the old writer closed, then let the new one catch up and open, and
 * only then tell anybody. A planned handover that cannot finish in time is undone by another handover, in
 * the other direction; an unplanned one that fails a gate halts, with its reason.
 */

import { bestStandby, unfit, whoHoldsMore } from '../fitness.ts';
import { closedHistory, deathOf, gate, healthOf, isRisk, proofMayCome, wordAt } from '../gates.ts';
import { leaseWaitMs, mayExpire, mayHaveOpened } from '../held-lease.ts';
import { extras, isContained, upTo } from '../history.ts';
import type { History, MemberReport, Proof, Topology } from '../model.ts';
import {
  advance,
  answerTo,
  begin,
  type Change,
  halt,
  type Outcome,
  parkBoth,
  type Rule,
  settled,
  withWriter,
} from '../outcome.ts';
import { missingOn } from '../promotion.ts';
import type { Situation } from '../situation.ts';

export const handoverRules: readonly Rule[] = [
  {
    name: 'refuse a switchover during a handover',
    when: 'mmm-control asks for a switchover meanwhile',
    decide: refuseRequests,
  },
  {
    name: 'take the old writer back',
    when: 'a crashed writer is back, closed and complete, before the other was let open',
    decide: takeBack,
  },
  {
    name: 'undo an overdue switchover',
    when: 'the old writer could not be closed in half of write_pause_budget',
    decide: undoOverdue,
  },
  {
    name: 'the writer died again before it was opened',
    when: 'the writer was to be opened again, and is dead',
    decide: diedAgain,
  },
  {
    name: 'the agent of the writer went before it was opened again',
    when: 'the writer was to be opened again, its agent is silent, and its lease has ended',
    decide: leftAlone,
  },
  {
    name: 'the writer came back with less than its standby holds',
    when: 'the writer is to be opened again, and lacks what a standby holds, or took itself',
    decide: passOver,
  },
  { name: 'closed: let the new writer open', when: 'one of the gates holds', decide: letOpen },
  {
    name: 'wait for the proof that the old writer is closed',
    when: 'none of the gates holds yet',
    decide: waitForProof,
  },
  {
    name: 'opened: tell everybody',
    when: 'the agent of the new writer reports it open at this generation',
    decide: tell,
  },
  {
    name: 'the new writer did not open',
    when: 'its agent failed, it died, or a switchover takes longer than write_pause_budget',
    decide: failedToOpen,
  },
  {
    name: 'wait for the new writer to open',
    when: 'it is let open and has not said so yet',
    decide: waitForOpen,
  },
];

function refuseRequests(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((one) => one.verb === 'switchover');
  if (t === null || t.phase === 'stable' || request === undefined) return null;
  const detail = `a ${t.kind} is under way (generation ${t.generation}, ${t.phase}): try again when it is stable`;
  return { says: detail, answers: [{ v: 1, id: request.id, ok: false, detail, generation: t.generation }] };
}

/** A crashed writer that is back, closed and complete, before anything was opened: nothing is lost that way. */
function takeBack(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || t.kind !== 'failover' || t.from === null) return null;
  // A person wants the other one.
  if (t.request?.verb === 'failover') return null;
  if (!isBackComplete(s, t, t.from)) return null;
  const reason = `${t.from} came back before ${t.to} was opened`;
  const handover = mayHaveOpened(s, t)
    ? ({ kind: 'undo', from: t.to } as const)
    : ({ kind: 'reopen', from: t.from } as const);
  return { says: reason, change: begin(s, t, { ...handover, to: t.from, reason }) };
}

function undoOverdue(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || t.kind !== 'switchover' || t.from === null || t.to === null) return null;
  const word = wordAt(s, t, t.from);
  // A server that was lost in the middle of it has not refused: it may have died.
  const failed = word?.did === 'close-failed' && healthOf(s, t.from).status === 'up';
  if (!failed && s.phaseMs < closingBudgetMs(t)) return null;
  if ('proof' in gate(s, t) || deathOf(s, t.from) !== null) return null;
  // An agent that says nothing is gone, or cut off: then the server closes itself, whatever is decided here.
  if (word === null && mayExpire(s, t, t.from)) return null;
  const late = `${t.from} was not closed within ${closingBudgetMs(t)} ms`;
  const cause = word === null ? ': no word from mmm-agent, is it running?' : ' (half of write_pause_budget)';
  const why = failed ? word.detail : `${late}${cause}`;
  if (!failed && healthOf(s, t.from).look?.readOnly === false) return neverClosed(s, t, t.from, why);
  return undo(s, t, why);
}

/**
 * Nobody closed the old writer, its agent is away: it still takes writes, and the other was never asked to
 * open. The new generation names it the writer again; should the agent have been about to close it, it is reopened.
 */
function neverClosed(s: Situation, t: Topology, writer: string, why: string): Outcome {
  const reason = `switchover undone: ${why}`;
  const { next: begun } = begin(s, t, { kind: 'undo', from: t.to, to: writer, reason });
  const next: Topology = { ...begun, phase: 'stable', writer, members: withWriter(t.members, writer) };
  const change = { ...settled(s, next, { took: s.phaseMs }), answers: answerTo(t, false, reason) };
  return { says: reason, alarm: true, change };
}

function diedAgain(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || t.kind !== 'reopen' || t.to === null || deathOf(s, t.to) === null)
    return null;
  const reason = `${t.to} died again before it was opened`;
  const best = bestStandby(s, t, { from: t.to, planned: false });
  if (t.paused === null && 'address' in best && proofMayCome(s, t, t.to)) {
    const change = begin(s, t, { kind: 'failover', from: t.to, to: best.address, reason });
    return { says: reason, alarm: true, change };
  }
  return halt(s, t, reason);
}

/** Nobody is there to open it: its standby takes over, once its lease has surely ended. */
function leftAlone(s: Situation): Outcome | null {
  const t = s.topology;
  if ((t?.phase !== 'closing' && t?.phase !== 'opening') || t.to === null || t.paused !== null) return null;
  if ((t.kind !== 'reopen' && t.kind !== 'undo') || s.agents.has(t.to)) return null;
  if (s.phaseMs < leaseWaitMs(t) || !mayExpire(s, t, t.to)) return null;
  const best = bestStandby(s, t, { from: t.to, planned: false });
  if (!('address' in best)) return null;
  const reason = `the agent of ${t.to} went silent before it was opened again`;
  const change = begin(s, t, { kind: 'failover', from: t.to, to: best.address, reason });
  return { says: reason, alarm: true, change };
}

/**
 * A writer that lost the end of its binlog in a crash of its host would write new transactions under numbers that
 * its standby has already: the standby takes over instead, or a person decides.
 */
function passOver(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || !isReturn(t) || t.to === null) return null;
  const writer = t.to;
  const mine = wordAt(s, t, writer)?.look?.history;
  if (mine === undefined) return null;
  const other = t.kind === 'undo' ? whatIsLeft(s, t, mine) : whoHoldsMore(s, t, writer, mine);
  if (other === null) return null;
  const { address, history, more } = other;
  const reason = `${writer} came back without ${upTo(more.count)} that ${address} holds (${more.list})`;
  const isAll = isContained(mine, history);
  if (isAll && unfit(s, t, address, { from: writer, planned: false }) === null) {
    const change = begin(s, t, { kind: 'failover', from: writer, to: address, reason });
    return { says: reason, alarm: true, change };
  }
  return halt(s, t, reason);
}

/** The one that was to be opened had been: what it took stands in the log it was closed with. */
function whatIsLeft(s: Situation, t: Topology, mine: History): ReturnType<typeof whoHoldsMore> {
  const address = t.from;
  const history = address === null ? null : closedHistory(s, t, address);
  if (address === null || history === null) return null;
  const more = extras(history, mine);
  return more.count > 0 ? { address, history, more } : null;
}

/** Whoever was the writer before is opened again: what it holds must be seen first. */
function isReturn({ kind, from }: Topology): boolean {
  return kind === 'reopen' || (kind === 'undo' && from !== null);
}

/** An undo whose old writer has died meanwhile ends as one that could not be opened: the other is tried again. */
function isLostToo(s: Situation, t: Topology, address: string): boolean {
  return t.kind === 'undo' && deathOf(s, address) !== null;
}

function letOpen(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing' || t.to === null) return null;
  const found = gate(s, t);
  if ('waitsFor' in found) return null;
  // Whether it still holds everything must be seen before it is opened again.
  if (isReturn(t) && !isLostToo(s, t, t.to) && wordAt(s, t, t.to)?.look == null) return null;
  const closed = t.from === null ? null : closedHistory(s, t, t.from);
  // Without the closed server's own word there is no exact end of history: from here it is a failover.
  const kind = isOrderly(t, found.proof, closed) ? 'switchover' : t.kind;
  const isCrash = kind === 'failover' || (kind === 'switchover' && (found.proof !== 'a' || closed === null));
  const lastSeen = t.from === null ? null : (s.lastLook.get(t.from)?.history ?? null);
  const change = advance(s, t, 'opening', {
    kind: isCrash ? 'failover' : kind,
    proof: found.proof,
    position: kind === 'switchover' || isCrash ? (closed ?? lastSeen) : null,
    parked: isCrash && t.from !== null ? parkBoth(t.parked, t.to, t.from) : t.parked,
  });
  return {
    says: `${t.from ?? 'every other member'} is closed (${found.proof ?? 'it was never open'}): ${t.to} may open`,
    alarm: isRisk(found.proof),
    change,
  };
}

/** A person asked for a failover from a writer that lives and was closed: then nothing need be lost. */
function isOrderly(t: Topology, proof: Proof | null, closed: History | null): boolean {
  if (t.kind !== 'failover' || t.request?.verb !== 'failover' || t.vouched?.loss === true) return false;
  return proof === 'a' && closed !== null;
}

function waitForProof(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'closing') return null;
  const found = gate(s, t);
  const waits = 'waitsFor' in found ? found.waitsFor.join('; or ') : `the agent's report on ${t.to}`;
  return { says: `closing ${t.from ?? 'all others'}, waiting for ${waits}`, alarm: s.phaseMs > 5000 };
}

function tell(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'opening' || t.to === null) return null;
  const word = wordAt(s, t, t.to);
  if (word?.did !== 'opened') return null;
  return { says: `${t.to} takes writes`, change: settle(s, t, t.to, word) };
}

function failedToOpen(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'opening' || t.to === null) return null;
  const word = wordAt(s, t, t.to);
  const dead = deathOf(s, t.to) !== null;
  const late = t.kind === 'switchover' && s.phaseMs > t.policy.writePauseMs;
  if (word?.did !== 'open-failed' && !dead && !late) return null;
  const why = dead
    ? `${t.to} died before it was opened`
    : word?.detail || `${t.to} was not opened within ${t.policy.writePauseMs} ms (write_pause_budget)`;
  if (t.kind === 'switchover' && t.from !== null) return undo(s, t, why);
  return halt(s, t, why);
}

function waitForOpen(s: Situation): Outcome | null {
  const t = s.topology;
  if (t?.phase !== 'opening') return null;
  return { says: `waiting for ${t.to} to open`, alarm: s.phaseMs > 5000 };
}

/** An undo is a handover like any other: the one that was asked to open is closed first. */
function undo(s: Situation, t: Topology, why: string): Outcome {
  const wayOut = t.request?.verb === 'failover' ? '. --accept-loss opens it with what it has' : '';
  const reason = `${t.request?.verb ?? 'switchover'} undone: ${why.slice(0, 900)}${wayOut}`;
  const from = mayHaveOpened(s, t) ? t.to : null;
  const change = begin(s, t, { kind: 'undo', from, to: t.from ?? '', reason });
  return {
    says: reason,
    alarm: true,
    // The request stays attached until the old writer is open again: then it is answered with the reason.
    change: { ...change, next: { ...change.next, request: t.request } },
  };
}

function settle(s: Situation, t: Topology, writer: string, word: MemberReport): Change {
  const members = withWriter(t.members, writer).map((m) =>
    m.address === t.from && m.address !== writer && t.kind === 'failover'
      ? { ...m, state: 'offline' as const }
      : m,
  );
  const isAsked = t.request !== null || t.asked;
  const next: Topology = {
    ...t,
    phase: 'stable',
    step: t.step + 1,
    writer,
    members,
    // What was opened by the decision of a Redis that was restarted meanwhile is confirmed by this.
    incarnation: s.incarnation,
    // The old writer is proven closed. One that was taken back may still go by the term it had.
    heldMs: isBack(t) ? t.heldMs : 0,
    ...(t.kind === 'failover' && t.from !== null
      ? { unknownLoss: { generation: t.generation, from: t.from } }
      : {}),
    failedOver: isBack(t) ? t.failedOver : t.kind === 'failover' && !isAsked,
    lastFailover: isBack(t) ? t.lastFailover : lastFailover(s, t, writer, isAsked),
    asked: false,
    undoneFailbacks: isBack(t) ? t.undoneFailbacks : 0,
    request: null,
    position: null,
  };
  const undone = t.kind === 'undo';
  return {
    ...settled(s, next, { took: s.phaseMs, loss: lossOf(t, word) }),
    answers: answerTo(t, !undone, undone ? t.reason : `${writer} takes writes (generation ${t.generation})`),
  };
}

/** A person who changes the writer has looked: that ends the time in which nothing is done unasked. */
function lastFailover(s: Situation, t: Topology, to: string, isAsked: boolean): Topology['lastFailover'] {
  if (isAsked) return null;
  return t.kind === 'failover' ? { to, atMs: s.redisNowMs } : t.lastFailover;
}

/** The writer from before stays: what brought it there has not changed. */
function isBack({ kind }: Topology): boolean {
  return kind === 'undo' || kind === 'reopen';
}

/** What a crash failover may have lost, as far as anybody saw it: the truth comes with the old writer's return. */
function lossOf(t: Topology, word: MemberReport): string {
  if (t.kind !== 'failover') return '';
  const accepted = t.vouched?.loss === true ? `, accepted by ${t.vouched.by}` : '';
  return `${lossInWords(t, word)}${accepted}`;
}

function lossInWords(t: Topology, word: MemberReport): string {
  if (t.position === null || word.look === null) return 'unknown until the old writer returns';
  const lost = missingOn(word.look, t.position);
  return lost.count === 0
    ? 'none seen; certain when the old writer returns'
    : `${upTo(lost.count)} seen before the crash (${lost.list}); certain when the old writer returns`;
}

/**
 * Closed by its agent at this generation, and holding all that the one to be opened holds: that one may have
 * been open for a moment. Others do not matter: they were standbys of this very writer, or are diverged.
 */
function isBackComplete(s: Situation, t: Topology, address: string): boolean {
  const mine = closedHistory(s, t, address);
  if (mine === null) return false;
  const other = t.to === null || t.to === address ? undefined : s.lastLook.get(t.to);
  return other === undefined || isContained(other.history, mine);
}

function closingBudgetMs(t: Topology): number {
  return Math.round(t.policy.writePauseMs / 2) + 250;
}

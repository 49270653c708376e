/**
 * How a cluster is, in the order of a monitoring plugin:
 * critical: nobody may write for longer than the write pause budget, or two accept writes;
 * unknown: there is nothing to judge by;
 * degraded: it works, with a dead, diverged, not replicating or unattended member, on stale facts, with a
 * sidecar that does not get its routing right, or in the middle of a handover;
 * ok: none of these.
 */
import { upTo } from './history.ts';
import type { Probe } from './model.ts';
import type { MemberStatus, StatusInput } from './status.ts';
import { waitingFor } from './waiting.ts';

export type Health = 'ok' | 'degraded' | 'critical' | 'unknown';

export interface Verdict {
  readonly health: Health;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}

/** A check older than this proves nothing. */
export const FRESH_SECONDS = 30;

export function judge(input: StatusInput, members: readonly MemberStatus[]): Verdict {
  const notes = [...remarks(input), ...input.complaints];
  const two = twoWriters(members);
  if (input.topology === null) {
    const unknown = 'nothing was decided yet: is mmm-identify running, and does it reach Redis?';
    return {
      health: two === null ? 'unknown' : 'critical',
      reasons: two === null ? [unknown] : [two, unknown],
      notes,
    };
  }
  const critical = [two, noWriter(input, members)].filter((reason) => reason !== null);
  const under = handover(input);
  const isTold = under !== null && critical.some((reason) => reason.includes(under));
  const degraded = [
    isTold ? null : under,
    ...waitingFor(input),
    ...members.flatMap((member) => illness(input, member)),
    ...input.sidecars.flatMap(({ id, did, detail }) =>
      did === 'failed' ? [`sidecar ${id} failed: ${detail}`] : [],
    ),
  ].filter((reason) => reason !== null && !critical.includes(reason));
  const health = critical.length > 0 ? 'critical' : degraded.length > 0 ? 'degraded' : 'ok';
  return { health, reasons: [...critical, ...degraded.filter((reason) => reason !== null)], notes };
}

/** The exit code that stands for all of them: the worst in the order critical, unknown, degraded, ok. */
export function exitCode(all: readonly Health[]): number {
  if (all.includes('critical')) return 2;
  if (all.includes('unknown') || all.length === 0) return 3;
  return all.includes('degraded') ? 1 : 0;
}

function twoWriters(members: readonly MemberStatus[]): string | null {
  const open = members
    .filter((m) => m.ping === 1 && m.read_only === 0 && isFresh(m))
    .map(({ address }) => address);
  return open.length < 2 ? null : `${open.length} members accept writes at once: ${open.join(', ')}`;
}

function noWriter(input: StatusInput, members: readonly MemberStatus[]): string | null {
  const { topology } = input;
  if (topology === null) return null;
  if (topology.phase === 'halted') return `nobody may write: ${topology.reason}`;
  if (topology.writer === null) {
    const ms = pauseMs(input);
    return ms <= input.writePauseMs ? null : `nobody may write for ${duration(ms)}: ${handover(input)}`;
  }
  const writer = members.find(({ address }) => address === topology.writer);
  if (writer === undefined || !isFresh(writer)) return null;
  if (writer.ping === 0) return deadWriter(input, writer);
  if (writer.read_only !== 1 || wasOpened(input, writer.address)) return null;
  return `the writer ${writer.address} is read-only`;
}

/** The monitor's look may be older than the opening: the agent's word at this generation is newer. */
function wasOpened({ topology, agents }: StatusInput, address: string): boolean {
  return agents.some(({ members }) => {
    const word = members[address];
    return word?.did === 'opened' && word.generation === topology?.generation;
  });
}

/** A writer that cannot be looked at is alive; a dead one has the write pause budget to be replaced. */
function deadWriter(input: StatusInput, { address }: MemberStatus): string | null {
  const probes = input.facts.flatMap(({ members }) => members[address] ?? []);
  if (probes.some(({ status }) => status === 'up' || status === 'faulty')) return null;
  const known = probes.map(({ forMs }) => forMs);
  const forMs = known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known);
  return forMs > input.writePauseMs ? `the writer ${address} is dead${because(probes)}` : null;
}

function handover(input: StatusInput): string | null {
  const { topology } = input;
  if (topology === null || topology.phase === 'stable' || topology.phase === 'halted') return null;
  const { kind, phase, from, to, generation } = topology;
  const way = [from === null ? '' : `from ${from}`, to === null ? '' : `to ${to}`].filter(
    (part) => part !== '',
  );
  return `${[kind, ...way].join(' ')} is ${phase} (generation ${generation})`;
}

/** Without its event nobody knows how long it takes already: too long. */
function pauseMs(input: StatusInput): number {
  const since = input.noWriterSinceEpochMs;
  return since === null ? Number.POSITIVE_INFINITY : Math.max(0, input.nowEpochMs - since);
}

function illness(input: StatusInput, member: MemberStatus): string[] {
  const { address, state } = member;
  const found: string[] = [];
  const probes = input.facts.flatMap(({ members }) => members[address] ?? []);
  if (member.last_check === null) found.push(`${address} was never checked: is mmm-monitor running?`);
  else if (!isFresh(member))
    found.push(`the last check of ${address} is ${member.age} s old: is mmm-monitor running?`);
  else if (member.ping === 0) found.push(`${address} ${deadOrUnseen(probes)}`);
  else if (member.repl_check === 'Error') found.push(`${address} is not replicating${linkError(probes)}`);
  if (state === 'diverged') {
    found.push(`${address} is diverged: ${upTo(member.extra?.count ?? 0)} that the writer lacks`);
  } else if (state !== 'online' && input.topology?.writer !== null) found.push(`${address} is ${state}`);
  if (!input.agents.some(({ serves }) => serves.includes(address))) {
    found.push(`nobody attends ${address}: is mmm-agent running?`);
  }
  return found;
}

function deadOrUnseen(probes: readonly Probe[]): string {
  const faulty = probes.find(({ status }) => status === 'faulty');
  return faulty === undefined
    ? `is dead${because(probes)}`
    : `is alive but cannot be looked at: ${faulty.reason}`;
}

function because(probes: readonly Probe[]): string {
  const reason = probes.find((probe) => probe.reason !== '')?.reason;
  return reason === undefined ? '' : `: ${reason}`;
}

function linkError(probes: readonly Probe[]): string {
  const error = probes
    .flatMap(({ look }) => look?.links ?? [])
    .map((link) => (link.sql === 'no' && link.sqlError) || (link.io !== 'yes' && link.ioError) || '')
    .find((text) => text !== '');
  return error === undefined ? '' : `: ${error}`;
}

function remarks({ topology, sidecars }: StatusInput): string[] {
  const silent = (topology?.sidecars ?? []).filter((id) => !sidecars.some((report) => report.id === id));
  const found = silent.map(
    (id) =>
      `sidecar ${id} is registered but does not report; if it is gone for good: mmm-control forget ${id}`,
  );
  if (topology?.paused) found.push(`no automatic failover: paused by ${topology.paused.by}`);
  // Once the old writer is seen closed and compared, the doubt is over.
  const old = topology?.members.find(({ address }) => address === topology.from);
  const isSettled = old?.state === 'online' || old?.state === 'recovering' || old?.state === 'diverged';
  if (!isSettled && (topology?.proof === 'b-weak' || topology?.proof === 'e' || topology?.proof === 'f')) {
    found.push(`the last handover rests on proof (${topology.proof}): ${WEAK[topology.proof]}`);
  }
  return found;
}

const WEAK = {
  'b-weak': 'the old writer was down but is not known to start read-only',
  e: 'the sidecars cut the old writer off, which may still be open',
  f: 'the old writer was silent, it may still be open',
} as const;

function isFresh({ age }: MemberStatus): boolean {
  return age !== null && age < FRESH_SECONDS;
}

function duration(ms: number): string {
  return Number.isFinite(ms) ? `${Math.round(ms / 1000)} s` : 'an unknown time';
}

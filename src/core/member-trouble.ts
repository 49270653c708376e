/** What the legacy checks tell of members, in words; facts add the reason. */
import { withoutAddress } from './address.ts';
import type { Facts, Probe } from './model.ts';
import type { MemberStatus } from './status.ts';

/** A check older than this proves nothing. */
export const FRESH_SECONDS = 30;

export function isFresh({ age }: MemberStatus): boolean {
  return age !== null && age < FRESH_SECONDS;
}

/** Members that accept writes, by a fresh check. */
export function openMembers(members: readonly MemberStatus[]): readonly string[] {
  return members.filter((m) => m.ping === 1 && m.read_only === 0 && isFresh(m)).map(({ address }) => address);
}

export function twoWriters(members: readonly MemberStatus[]): string | null {
  const open = openMembers(members);
  return open.length < 2 ? null : `${open.length} members accept writes at once: ${open.join(', ')}`;
}

/** What is wrong with a member by its check; empty when it answers and replicates. */
export function checkTrouble(facts: readonly Facts[], member: MemberStatus): string[] {
  const { address, age } = member;
  const probes = facts.flatMap(({ members }) => members[address] ?? []);
  if (member.last_check === null) return [`${address} was never checked: is mmm-monitor running?`];
  if (!isFresh(member)) return [`the last check of ${address} is ${age} s old: is mmm-monitor running?`];
  if (member.ping === 0) return [`${address} ${deadOrUnseen(address, probes)}`];
  return member.repl_check === 'Error' ? [`${address} is not replicating${linkError(probes)}`] : [];
}

/** The reason of the first probe that has one, behind a colon. */
export function because(address: string, probes: readonly Probe[]): string {
  const reason = probes.find((probe) => probe.reason !== '')?.reason;
  return reason === undefined ? '' : `: ${withoutAddress(address, reason)}`;
}

function deadOrUnseen(address: string, probes: readonly Probe[]): string {
  const faulty = probes.find(({ status }) => status === 'faulty');
  return faulty === undefined
    ? `is dead${because(address, probes)}`
    : `is alive but cannot be looked at: ${withoutAddress(address, faulty.reason)}`;
}

function linkError(probes: readonly Probe[]): string {
  const error = probes
    .flatMap(({ look }) => look?.links ?? [])
    .map((link) => (link.sql === 'no' && link.sqlError) || (link.io !== 'yes' && link.ioError) || '')
    .find((text) => text !== '');
  return error === undefined ? '' : `: ${error}`;
}

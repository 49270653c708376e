/** Who else is in a topology. */
import type { Member, Topology } from './model.ts';

/** Follows the writer and lacks nothing: one that flaps is no worse a standby for it. */
export function isSound(member: Member): boolean {
  return member.state === 'online' || member.state === 'flapping';
}

/** The addresses of all masters but one. */
export function mastersOtherThan(t: Topology, address: string): readonly string[] {
  return t.members.filter((m) => m.kind === 'master' && m.address !== address).map((m) => m.address);
}

/** Who else is in a topology. */
import type { Topology } from './model.ts';

/** The addresses of all masters but one. */
export function mastersOtherThan(t: Topology, address: string): readonly string[] {
  return t.members.filter((m) => m.kind === 'master' && m.address !== address).map((m) => m.address);
}

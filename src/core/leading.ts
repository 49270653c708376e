/** Whether anybody decides. */
import type { Leader } from './model.ts';

/** A leader that has not been seen for so long leads no more; it says so several times a second. */
const LOST_MS = 5000;

/** Why nobody decides now, or null when somebody does. */
export function whyNobodyLeads(leader: Leader | null): string | null {
  if (leader === null) return 'nobody decides: is mmm-identify running?';
  if (leader.ageMs <= LOST_MS) return null;
  const seconds = Math.round(leader.ageMs / 1000);
  return `nobody decides: mmm-identify ${leader.id} was last seen ${seconds} s ago, is it running?`;
}

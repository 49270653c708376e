/**
 * Whether applications may use their accounts on a member (`block_user`): on the open writer, and nowhere else. A
 * server that is being opened or closed just now is left to that deed, which brings its accounts along.
 */
import type { Look, Topology } from './model.ts';

/** null: leave them as they are. */
export function accountsWished(t: Topology, address: string, look: Look): 'usable' | 'locked' | null {
  const isHeir = t.phase === 'closing' || t.phase === 'opening' ? t.to === address : t.writer === address;
  if (!isHeir) return look.readOnly ? 'locked' : null;
  return t.phase === 'closing' || look.readOnly ? null : 'usable';
}

/**
 * The ancestor's way to make an account unusable where accounts cannot be locked: its password hash is stored in
 * a form of the same length that no password has. Both versions of the product undo each other's work.
 */
const HASH = /^\*([0-9A-Fa-f]{40})$/;
const OLD_HASH = /^[0-9A-Fa-f]{16}$/;
const REVERSED = /^([0-9A-Fa-f]{40})\*$/;
const REVERSED_OLD = /^~{25}([0-9A-Fa-f]{16})$/;
const REVERSED_EMPTY = '?'.repeat(41);

/** null: not a hash of a known form, or reversed already. */
export function reverse(hash: string): string | null {
  if (hash === '') return REVERSED_EMPTY;
  const [, digits] = HASH.exec(hash) ?? [];
  if (digits !== undefined) return `${digits}*`;
  return OLD_HASH.test(hash) ? `${'~'.repeat(25)}${hash}` : null;
}

/** null: not reversed. */
export function restore(hash: string): string | null {
  if (hash === REVERSED_EMPTY) return '';
  const [, digits] = REVERSED.exec(hash) ?? [];
  if (digits !== undefined) return `*${digits}`;
  return REVERSED_OLD.exec(hash)?.[1] ?? null;
}

export function isReversed(hash: string): boolean {
  return restore(hash) !== null;
}

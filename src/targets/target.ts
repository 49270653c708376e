import type { ClusterView } from '../core/view.ts';

/** A target kind, described: the engine in `daemons` and `render` does everything that touches the world. */
export interface TargetKind {
  readonly kind: string;
  /** Whether its text configures a router that can be switched while it runs. */
  readonly routes: boolean;
  /** Shipped template used when none is configured; null when one must be configured. */
  readonly template: string | null;
  /** Options naming files whose text the template gets as `includes.<option>`. */
  readonly includes: readonly string[];
  /** What to do when somebody else edits the file: put ours back, or say so and leave it. */
  readonly drift: 'revert' | 'alert';
  /** Why this rendered text must not be written; empty when it may. */
  complaints(text: string, clusters: readonly ClusterView[], backend: string | null): readonly string[];
  /** Members the text names as servers of its router. */
  servers(text: string, clusters: readonly ClusterView[]): readonly string[];
  /** Whether both texts differ in nothing but the direction (who is the writer). */
  sameForm(a: string, b: string, clusters: readonly ClusterView[]): boolean;
  /** The text with its direction turned to today's writers; null when this kind cannot tell. */
  turned(text: string, clusters: readonly ClusterView[]): string | null;
}

/** Complaints every kind shares: a value that smuggled a control character in, a cut-off text. */
export function textComplaints(text: string): readonly string[] {
  const complaints: string[] = [];
  if (text.trim() === '') complaints.push('the text is empty');
  if (!text.endsWith('\n')) complaints.push('the text does not end with a newline');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) complaints.push('the text has a control character');
  return complaints;
}

/** A write that one server took: it happened between these two instants (monotonic ms). */
export interface Taken {
  /** Number of the server. */
  readonly server: number;
  readonly invokedMs: number;
  readonly doneMs: number;
}

/**
 * How often, at least, the server that took writes changed: the longest chain in which each write began only after
 * the one before had ended, on another server. Two writers at once show as a chain longer than the changes there were.
 */
export function provenChanges(taken: readonly Taken[]): number {
  const inOrder = [...taken].sort((x, y) => x.doneMs - y.doneMs);
  let current: Taken | null = null;
  let changes = 0;
  for (const next of inOrder) {
    if (current === null) current = next;
    else if (next.server !== current.server && next.invokedMs > current.doneMs) {
      changes += 1;
      current = next;
    }
  }
  return changes;
}

/** Since when something has been so, in our own monotonic milliseconds. */
export interface Since<T> {
  readonly what: T;
  readonly ms: number;
}

/** `what` is so: since before, when it was so before. */
export function since<T>(previous: Since<T> | undefined, what: T, nowMs: number): Since<T> {
  return previous !== undefined && previous.what === what ? previous : { what, ms: nowMs };
}

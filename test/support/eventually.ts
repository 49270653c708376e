export interface Bound {
  /** Default 10 s. */
  readonly withinMs?: number;
  /** Pause between two looks; default 20 ms. */
  readonly everyMs?: number;
}

/**
 * Looks again and again until `good` accepts what `look` returned, and returns that.
 * Without `good` anything but false, null and undefined is accepted. A look that throws counts as not yet.
 * The error at the end of the bound says what was seen last.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  good: (seen: T) => boolean = isSomething,
  bound: Bound = {},
): Promise<T> {
  const withinMs = bound.withinMs ?? 10_000;
  const start = performance.now();
  for (;;) {
    const last = await attempt(look, good);
    if (last.ok) return last.seen;
    if (performance.now() - start >= withinMs) {
      throw new Error(`not within ${withinMs} ms: ${what}; last seen: ${last.words}`);
    }
    await pause(bound.everyMs ?? 20);
  }
}

/** Resolves after `ms`: for polling and pacing, never to wait for something to have happened. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

type Attempt<T> = { readonly ok: true; readonly seen: T } | { readonly ok: false; readonly words: string };

async function attempt<T>(look: () => T | Promise<T>, good: (seen: T) => boolean): Promise<Attempt<T>> {
  try {
    const seen = await look();
    return good(seen) ? { ok: true, seen } : { ok: false, words: describe(seen) };
  } catch (error) {
    return { ok: false, words: error instanceof Error ? error.message : String(error) };
  }
}

function isSomething(seen: unknown): boolean {
  return seen !== false && seen !== null && seen !== undefined;
}

function describe(seen: unknown): string {
  return typeof seen === 'string' ? seen.slice(-2000) : (JSON.stringify(seen) ?? String(seen)).slice(0, 2000);
}

/** Virtual time: events in order, and between two of them everything that the last one set going has settled. */
export interface Engine {
  /** Virtual milliseconds since the beginning. */
  now(): number;
  /** Runs `act` after `ms`; the returned function takes it back. */
  at(ms: number, act: () => void): () => void;
  /**
   * Runs every event up to `untilMs`, and `afterEach` after each of them. Rejects with what that throws, and when
   * there is no end of events.
   */
  run(untilMs: number, afterEach: () => void): Promise<void>;
  /** Events so far. */
  events(): number;
}

interface Entry {
  readonly ms: number;
  readonly number: number;
  act: (() => void) | null;
}

/** Twenty times what a run needs. */
const MOST_EVENTS = 300_000;

export function createEngine(): Engine {
  const heap: Entry[] = [];
  let nowMs = 0;
  let number = 0;
  let events = 0;

  async function run(untilMs: number, afterEach: () => void): Promise<void> {
    for (let next = heap[0]; next !== undefined && next.ms <= untilMs; next = heap[0]) {
      pop(heap);
      if (next.act === null) continue;
      nowMs = next.ms;
      events += 1;
      if (events > MOST_EVENTS) throw new Error('there is no end of events: something goes in circles');
      next.act();
      await settled();
      afterEach();
    }
    nowMs = untilMs;
  }

  return {
    now: () => nowMs,
    at(ms, act) {
      number += 1;
      const entry: Entry = { ms: nowMs + Math.max(0, ms), number, act };
      push(heap, entry);
      return () => {
        entry.act = null;
      };
    },
    run,
    events: () => events,
  };
}

/** Every promise that can settle has settled: immediates come after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.ms < b.ms || (a.ms === b.ms && a.number < b.number);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !isBefore(entry, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    let child = heap[down];
    if (child === undefined) break;
    const right = heap[down + 1];
    if (right !== undefined && isBefore(right, child)) {
      child = right;
      down += 1;
    }
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}

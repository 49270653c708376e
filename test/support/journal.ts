/** What clients were told: the only truth the checker and the measurements start from. */

/** `unknown`: the connection ended before the answer, so the write may or may not have happened. */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** `set` inserts the pair (client, n); `counter` adds one to the client's row and `shared` to a row of all. */
export type Work = 'set' | 'counter' | 'shared';

/** One write of one client. Times are monotonic milliseconds of this process. */
export interface Operation {
  readonly client: number;
  readonly n: number;
  readonly work: Work;
  readonly invokedMs: number;
  readonly doneMs: number;
  readonly outcome: Outcome;
  /** The server's or the driver's words; empty when ok. */
  readonly error: string;
}

export interface WriteGap {
  /** Longest time without an acknowledgement to any client. */
  readonly gapMs: number;
  /** When that began. */
  readonly fromMs: number;
  /** Longest time that a single client was without one. */
  readonly slowestClientMs: number;
}

/** The longest silence between two acknowledgements, among those that touch the span given. */
export function writeGap(journal: readonly Operation[], sinceMs = -Infinity, untilMs = Infinity): WriteGap {
  const acks = journal.filter((operation) => operation.outcome === 'ok');
  const all = longestSilence(
    acks.map((operation) => operation.doneMs),
    sinceMs,
    untilMs,
  );
  const clients = [...new Set(acks.map((operation) => operation.client))];
  const each = clients.map((client) =>
    longestSilence(
      acks.filter((operation) => operation.client === client).map((operation) => operation.doneMs),
      sinceMs,
      untilMs,
    ),
  );
  return { ...all, slowestClientMs: Math.max(0, ...each.map((silence) => silence.gapMs)) };
}

/** How many operations ended in `outcome`. */
export function countOf(journal: readonly Operation[], outcome: Outcome, work?: Work): number {
  return journal.filter(
    (operation) => operation.outcome === outcome && (work === undefined || operation.work === work),
  ).length;
}

function longestSilence(
  times: readonly number[],
  sinceMs: number,
  untilMs: number,
): { readonly gapMs: number; readonly fromMs: number } {
  const sorted = [...times].sort((a, b) => a - b);
  let longest = { gapMs: 0, fromMs: sinceMs };
  for (const [index, time] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before === undefined || time < sinceMs || before > untilMs) continue;
    if (time - before > longest.gapMs) longest = { gapMs: time - before, fromMs: before };
  }
  return longest;
}

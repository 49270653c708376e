import { describe, expect, test } from 'vitest';
import { check, type Evidence, type Holding } from '../support/checker.ts';
import { type Operation, type Outcome, type Work, writeGap } from '../support/journal.ts';

const A = '127.0.0.1:1';
const B = '127.0.0.1:2';

describe('the checker', () => {
  test('accepts a run in which every acknowledged write is on both servers', () => {
    expect(check(evidence({}))).toMatchObject({ ok: true, complaints: [], acknowledged: 3, lost: 0 });
  });

  test('accepts an unknown write whether it happened or not', () => {
    const journal = [write(1, 'ok'), write(2, 'unknown')];
    expect(check(evidence({ journal, set: ['1/1'] })).ok).toBe(true);
    expect(check(evidence({ journal, set: ['1/1', '1/2'] })).ok).toBe(true);
  });

  test('fails a lost write', () => {
    expect(check(evidence({ set: ['1/1', '1/2'] })).complaints[0]).toMatch(/^lost: 1 .* 1\/3$/);
  });

  test('fails a lost write that a member still holds but nobody reported', () => {
    const verdict = check(evidence({ set: ['1/1', '1/2'], otherSet: ['1/1', '1/2', '1/3'] }));
    expect(verdict.complaints.join('\n')).toMatch(/^lost: .*\ndifferent: /);
  });

  test('accepts a lost write that was reported on a diverged member, to the number', () => {
    const verdict = check(evidence({ set: ['1/1', '1/2'], otherSet: ['1/1', '1/2', '1/3'], reported: 1 }));
    expect(verdict).toMatchObject({ ok: true, lost: 1 });
  });

  test('fails a report that says another number than the diverged member holds', () => {
    const held = { set: ['1/1', '1/2'], otherSet: ['1/1', '1/2', '1/3'] };
    expect(check(evidence({ ...held, reported: 10 })).complaints).toEqual([
      expect.stringMatching(/^misreported: .* 1 .* 10$/),
    ]);
    const more = { set: ['1/1'], otherSet: ['1/1', '1/2', '1/3'], reported: 1 };
    expect(check(evidence(more)).complaints.join()).toMatch(/misreported: .* 2 .* 1/);
  });

  test('fails a lost write that the diverged member does not hold either', () => {
    const verdict = check(evidence({ set: ['1/1'], otherSet: ['1/1', '1/2'], reported: 1 }));
    expect(verdict.complaints).toEqual([expect.stringMatching(/^lost: 1 .* 1\/3$/)]);
  });

  test('fails a duplicate', () => {
    const set = ['1/1', '1/2', '1/3', '1/3'];
    expect(check(evidence({ set })).complaints[0]).toMatch(/^duplicate: .* 1\/3$/);
  });

  test('fails a row that nobody wrote', () => {
    expect(check(evidence({ set: ['1/1', '1/2', '1/3', '7/7'] })).complaints[0]).toMatch(
      /^phantom: .* 7\/7$/,
    );
  });

  test('fails a row that the client was refused', () => {
    const journal = [write(1, 'ok'), write(2, 'fail')];
    expect(check(evidence({ journal, set: ['1/1', '1/2'] })).complaints[0]).toMatch(/^phantom: .* 1\/2$/);
  });

  test('fails two writable members', () => {
    expect(check(evidence({ twoWritable: 1 })).complaints).toEqual([
      expect.stringMatching(/^two writable: .* 1 /),
    ]);
  });

  test('fails members that differ without a report', () => {
    const verdict = check(evidence({ otherSet: ['1/1', '1/2'] }));
    expect(verdict.complaints).toEqual([expect.stringMatching(/^different: /)]);
  });

  test.each([
    ['counter', 1],
    ['shared', 0],
  ] as const)('fails a %s that is short or too high, and accepts the values between', (work, row) => {
    const journal = [write(1, 'ok', work), write(2, 'ok', work), write(3, 'unknown', work)];
    const verdictAt = (value: number) => check(evidence({ journal, set: [], counters: [[row, value]] }));
    expect(verdictAt(1).complaints[0]).toMatch(/^counter: .* short: 1, acknowledged 2/);
    expect(verdictAt(2).ok).toBe(true);
    expect(verdictAt(3).ok).toBe(true);
    expect(verdictAt(4).complaints[0]).toMatch(/^counter: .* too high: 4, at most 3/);
  });
});

describe('the write gap', () => {
  test('is the longest silence over all clients, and the slowest client has its own', () => {
    const journal = [at(1, 0), at(2, 10), at(1, 20), at(2, 70), at(1, 95), at(2, 100)];
    expect(writeGap(journal)).toEqual({ gapMs: 50, fromMs: 20, slowestClientMs: 75 });
  });

  test('counts only silences that touch the span', () => {
    const journal = [at(1, 0), at(1, 90), at(1, 100), at(1, 130)];
    expect(writeGap(journal, 95).gapMs).toBe(30);
    expect(writeGap(journal, 0, 50).gapMs).toBe(90);
  });

  test('does not count refused and unknown writes as acknowledgements', () => {
    const journal = [at(1, 0), { ...at(1, 50), outcome: 'unknown' as const }, at(1, 100)];
    expect(writeGap(journal).gapMs).toBe(100);
  });
});

interface Run {
  readonly journal?: readonly Operation[];
  /** Rows on the writer. */
  readonly set?: readonly string[];
  /** Rows on the other member; default the same. */
  readonly otherSet?: readonly string[];
  readonly counters?: readonly (readonly [number, number])[];
  readonly twoWritable?: number;
  readonly reported?: number;
}

function evidence(run: Run): Evidence {
  const set = run.set ?? ['1/1', '1/2', '1/3'];
  return {
    journal: run.journal ?? [write(1, 'ok'), write(2, 'ok'), write(3, 'ok')],
    writer: holding(A, set, run.counters ?? []),
    others: [holding(B, run.otherSet ?? set, run.counters ?? [])],
    twoWritable: run.twoWritable ?? 0,
    reportedExtra: new Map([[B, run.reported ?? 0]]),
  };
}

function holding(
  address: string,
  set: readonly string[],
  counters: readonly (readonly [number, number])[],
): Holding {
  return {
    address,
    set,
    counters: new Map(counters.filter(([client]) => client !== 0)),
    shared: counters.find(([client]) => client === 0)?.[1] ?? 0,
  };
}

function write(n: number, outcome: Outcome, work: Work = 'set'): Operation {
  return { client: 1, n, work, invokedMs: n, doneMs: n, outcome, error: '' };
}

function at(client: number, doneMs: number): Operation {
  return { client, n: doneMs, work: 'set', invokedMs: doneMs, doneMs, outcome: 'ok', error: '' };
}

import { describe, expect, test } from 'vitest';
import { provenChanges, type Taken } from '../support/alternation.ts';
import { check, type Holding } from '../support/checker.ts';
import type { Operation } from '../support/journal.ts';

describe('the count of proven changes of writer', () => {
  test('is one for a handover, however many writes there are', () => {
    expect(provenChanges([on(1, 0, 1), on(1, 2, 3), on(2, 4, 5), on(2, 6, 7)])).toBe(1);
  });

  test('is two when the old writer takes one more write after the new one', () => {
    expect(provenChanges([on(1, 0, 1), on(2, 2, 3), on(1, 4, 5)])).toBe(2);
  });

  test('proves nothing by writes that may have happened in either order', () => {
    expect(provenChanges([on(1, 0, 1), on(2, 2, 6), on(1, 3, 7)])).toBe(1);
    expect(provenChanges([on(1, 0, 5), on(2, 4, 6)])).toBe(0);
  });
});

describe('the checker', () => {
  test('fails writes that went to two servers in turns, and counts those of an observer', () => {
    const late = { observed: [on(1, 30, 31)] };
    expect(complaints({ changes: 1, ...late })).toMatch(/^alternating: .* 2 times, .* 1 times$/);
    expect(complaints({ changes: 2, ...late })).toBe('');
    expect(complaints({ changes: 0 })).toMatch(/^alternating: .* 1 times, .* 0 times$/);
    expect(complaints({ changes: 1 })).toBe('');
  });
});

/** Two rows: the first taken by server 1, the second by server 2. */
function complaints(more: { readonly changes: number; readonly observed?: readonly Taken[] }): string {
  const rows: Holding = {
    address: '127.0.0.1:1',
    set: ['1/1', '1/2'],
    counters: new Map(),
    shared: 0,
    takenBy: new Map([
      ['1/1', 1],
      ['1/2', 2],
    ]),
  };
  const others = [{ ...rows, address: '127.0.0.1:2' }];
  const evidence = { journal: [write(1), write(2)], writer: rows, others, twoWritable: 0 };
  return check({ ...evidence, reportedExtra: new Map(), ...more }).complaints.join('\n');
}

function write(n: number): Operation {
  return { client: 1, n, work: 'set', invokedMs: n, doneMs: n + 0.5, outcome: 'ok', error: '' };
}

function on(server: number, invokedMs: number, doneMs: number): Taken {
  return { server, invokedMs, doneMs };
}

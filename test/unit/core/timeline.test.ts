import { describe, expect, it } from 'vitest';
import { noWriterSince, type TimedEvent, timeline } from '../../../src/core/timeline.ts';
import { anEvent } from '../../support/documents.ts';

const START = 1_763_630_000_000;

function at(ms: number, phase: string, generation = 43, over: Partial<TimedEvent> = {}): TimedEvent {
  return { ...anEvent({ phase, generation, ...over }), at: `${START + ms}-0` };
}

describe('the timeline', () => {
  it('keeps a handover together and measures it from closing to open', () => {
    const told = timeline([at(0, 'closing'), at(200, 'opening'), at(230, 'stable')]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ generation: 43, startedEpochMs: START, handoverMs: 230 });
    expect(told[0]?.events.map(({ sinceMs }) => sinceMs)).toEqual([0, 200, 230]);
  });

  it('tells what happens later in the same generation by itself', () => {
    const told = timeline([at(0, 'closing'), at(50, 'stable'), at(9000, 'stable', 43, { kind: 'diverged' })]);
    expect(told.map(({ handoverMs }) => handoverMs)).toEqual([50, null]);
  });

  it('separates handovers that follow one another, also one that was cut short', () => {
    const told = timeline([at(0, 'closing'), at(2000, 'closing', 44), at(2030, 'stable', 44)]);
    expect(told.map(({ generation, handoverMs }) => [generation, handoverMs])).toEqual([
      [43, null],
      [44, 30],
    ]);
  });

  it('is empty when nothing happened', () => {
    expect(timeline([])).toEqual([]);
  });
});

describe('nobody writes', () => {
  it('since the first closing after the last stable event', () => {
    const events = [
      at(0, 'closing', 42),
      at(9, 'stable', 42),
      at(100, 'closing'),
      at(150, 'halted'),
      at(300, 'closing', 44),
    ];
    expect(noWriterSince(events)).toBe(START + 100);
  });

  it('since nobody knows when, without an event of it', () => {
    expect(noWriterSince([])).toBeNull();
    expect(noWriterSince([at(0, 'closing'), at(9, 'stable')])).toBeNull();
  });
});

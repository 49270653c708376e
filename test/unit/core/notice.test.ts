import { describe, expect, it } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { adopt, due, mayBeDue, type Notice, type Told } from '../../../src/core/notice.ts';
import type { TimedEvent } from '../../../src/core/timeline.ts';
import { A, anEvent, aTopology, B } from '../../support/documents.ts';

const START = 1_763_630_000_000;
const crash = { kind: 'failover', from: A, to: B, reason: `${A} is dead`, proof: 'b' } as const;
const back = { kind: 'switchover', from: B, to: A, reason: 'asked by root@vm', proof: 'a' } as const;

describe('what is due', () => {
  it('is nothing at first sight, whatever the cluster is like', () => {
    for (const t of [stable(), closing(), halted(43), diverged(stable())]) {
      const told = adopt(t);
      expect(due(told, t, eventsOf([stable(), t])).notices).toEqual([]);
    }
  });

  it('is one notice for a change of writer, with its loss and how long it took', () => {
    const t = stable({ ...crash, generation: 43, writer: B });
    const { told, notices } = due(adopt(stable()), t, eventsOf([closing(), t]));
    expect(notices).toEqual([
      {
        what: 'changed',
        writer: B,
        before: A,
        turn: {
          ...crash,
          generation: 43,
          phase: 'stable',
          loss: 'none seen',
          atEpochMs: START + 100,
          pauseMs: 100,
        },
      },
    ]);
    expect(due(told, t, eventsOf([closing(), t])).notices).toEqual([]);
  });

  it('is told of a change that began before the first sight of the cluster', () => {
    const t = stable({ ...crash, generation: 43, writer: B });
    expect(changesIn(due(adopt(closing()), t, []).notices)).toEqual([[43, A, B]]);
  });

  it('is nothing when the writer stays: an undo, a reopening, a step within a generation', () => {
    const undo = stable({ kind: 'undo', from: B, to: A, generation: 44 });
    const reopen = stable({ kind: 'reopen', from: A, to: A, generation: 45 });
    const step = stable({ step: 7 });
    for (const t of [undo, reopen, step]) expect(due(adopt(stable()), t, eventsOf([t])).notices).toEqual([]);
  });

  it('is nothing in the middle of a handover: nobody reads events then', () => {
    expect(mayBeDue(adopt(stable()), closing())).toBe(false);
    expect(mayBeDue(adopt(stable()), closing('opening'))).toBe(false);
    expect(due(adopt(stable()), closing(), eventsOf([closing()])).notices).toEqual([]);
  });

  it('is one notice for a halt, however often it is tried again, and another for the next one', () => {
    let told = adopt(stable());
    const seen: Notice[] = [];
    const again = stable({ ...crash, generation: 46, writer: B });
    const history = [halted(43), halted(44), halted(45), again, halted(47)];
    for (let i = 0; i < history.length; i += 1) {
      const now = history[i] ?? stable();
      const next = due(told, now, eventsOf(history.slice(0, i + 1)));
      seen.push(...next.notices);
      told = next.told;
    }
    expect(seen.map((notice) => [notice.what, generationOf(notice)])).toEqual([
      ['halted', 43],
      ['changed', 46],
      ['halted', 47],
    ]);
  });

  it('is one notice for a member that diverged, and another when it diverges again after it was the writer', () => {
    const t = diverged(stable({ ...crash, generation: 43, writer: B }));
    const first = due(adopt(stable()), t, eventsOf([t]));
    expect(first.notices.map(({ what }) => what)).toEqual(['changed', 'diverged']);
    expect(first.notices[1]).toMatchObject({ address: A, writer: B, count: 3, list: '0-1-7..9' });
    const more = diverged({ ...t, step: 9 }, 4);
    expect(due(first.told, more, eventsOf([t])).notices).toEqual([]);
    const rebuilt = stable({ ...crash, generation: 43, writer: B, step: 10 });
    const { told } = due(first.told, rebuilt, []);
    expect(told.diverged).toEqual([]);
    const anew = diverged(stable({ ...crash, generation: 45, writer: B }));
    const between = stable({ ...back, generation: 44, writer: A });
    // Also when nobody looked between the two.
    for (const known of [told, first.told]) {
      const { notices } = due(known, anew, eventsOf([between, anew]));
      expect(notices.map(({ what }) => what)).toEqual(['changed', 'changed', 'diverged']);
    }
  });

  it('is nothing from a Redis that came back older, and is not repeated when it came back empty', () => {
    const told: Told = { generation: 43, writer: B, halted: false, diverged: [] };
    expect(due(told, stable(), eventsOf([stable()])).notices).toEqual([]);
    const adopted = stable({ kind: 'bootstrap', generation: 44, writer: B, to: B });
    expect(due(told, adopted, []).notices).toEqual([]);
    const other = stable({ kind: 'bootstrap', generation: 44, writer: A, to: A });
    expect(changesIn(due(told, other, []).notices)).toEqual([[44, B, A]]);
  });

  it('takes no word from events that are no events of a handover', () => {
    const t = stable({ ...crash, generation: 44, writer: B });
    const stray = [
      { ...timed(stable({ ...crash, generation: 43, writer: B })), kind: 'routed' },
      { ...timed(stable({ ...crash, generation: 43, writer: B })), to: 'x\r\nBcc: everybody' },
      { ...timed(stable({ ...crash, generation: 99, writer: B })) },
    ];
    expect(changesIn(due(adopt(stable()), t, stray).notices)).toEqual([[44, A, B]]);
  });
});

it('whoever looks, as rarely as can be, is told the same in the end, each thing once', () => {
  const history = [
    stable(),
    closing(),
    stable({ ...crash, generation: 43, writer: B }),
    stable({ ...back, generation: 44, writer: A }),
    halted(45),
    halted(46),
    stable({ ...crash, generation: 47, writer: B }),
    stable({ ...back, generation: 48, writer: A }),
    stable({ kind: 'reopen', from: A, to: A, generation: 49, writer: A }),
  ];
  const wanted = ['changed 43', 'changed 44', 'halted 45', 'changed 47', 'changed 48'];
  const between = history.length - 2;
  for (let looks = 0; looks < 2 ** between; looks += 1) {
    let told = adopt(stable());
    const seen: string[] = [];
    for (let i = 1; i < history.length; i += 1) {
      const isLast = i === history.length - 1;
      if (!isLast && ((looks >> (i - 1)) & 1) === 0) continue;
      const next = due(told, history[i] ?? stable(), eventsOf(history.slice(0, i + 1)));
      seen.push(...next.notices.map((notice) => `${notice.what} ${generationOf(notice)}`));
      told = next.told;
    }
    expect(seen).toEqual(wanted);
  }
});

function stable(over: Partial<Topology> = {}): Topology {
  return aTopology(over);
}

function closing(phase: 'closing' | 'opening' = 'closing'): Topology {
  return aTopology({ ...crash, generation: 43, phase, writer: null });
}

function halted(generation: number): Topology {
  return aTopology({ ...crash, generation, phase: 'halted', writer: null, reason: 'the applier stopped' });
}

function diverged(t: Topology, count = 3): Topology {
  const extra = { count, list: `0-1-7..${6 + count}` };
  const members = t.members.map((member) =>
    member.address === A
      ? { ...member, role: 'standby' as const, state: 'diverged' as const, extra }
      : member,
  );
  return { ...t, members };
}

function eventsOf(history: readonly Topology[]): readonly TimedEvent[] {
  return history.map((t, i) => timed(t, i * 100));
}

function timed(t: Topology, ms = 0): TimedEvent {
  const { kind, generation, phase, reason } = t;
  const event = { kind, generation, phase, reason, from: t.from ?? '', to: t.to ?? '', proof: t.proof ?? '' };
  return { ...anEvent({ ...event, loss: phase === 'stable' ? 'none seen' : '' }), at: `${START + ms}-0` };
}

function changesIn(notices: readonly Notice[]): unknown {
  return notices.map((notice) =>
    notice.what === 'changed' ? [notice.turn.generation, notice.before, notice.writer] : notice.what,
  );
}

function generationOf(notice: Notice): number {
  return notice.what === 'diverged' ? notice.generation : notice.turn.generation;
}

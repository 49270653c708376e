import { describe, expect, it } from 'vitest';
import { leaseTimes } from '../../../src/core/lease.ts';
import {
  armMs,
  begin,
  frozenDue,
  granted,
  heldBy,
  killAtMs,
  ladderDue,
  mayAsk,
  mayAskPeer,
  onTrial,
  overtaken,
  spentAlready,
  unanswered,
} from '../../../src/core/tenure.ts';
import { A, B, stable } from '../../support/world.ts';

const times = leaseTimes(5000);
const held = granted(begin(42, times), 1000);

describe('a term of the lease', () => {
  it('counts from before it was asked for, and never gets shorter', () => {
    expect(held.deadlineMs).toBe(6000);
    expect(granted(held, 1500).deadlineMs).toBe(6500);
    expect(granted(held, 500).deadlineMs).toBe(6000);
  });

  it('has the ladder start F before its end', () => {
    expect(ladderDue(held)).toMatchObject({ atMs: 4000 });
  });

  it('that was never granted need not end: nobody counts on it', () => {
    expect(ladderDue(begin(42, times))).toBeNull();
    expect(armMs(begin(42, times), 0)).toBeNull();
  });

  it('is never extended once a higher generation is known, and still ends', () => {
    const lost = overtaken(held);
    expect(granted(lost, 3000)).toEqual(lost);
    expect([mayAsk(lost), mayAskPeer(lost)]).toEqual([false, false]);
    expect(ladderDue(lost)).toMatchObject({ atMs: 4000 });
  });
});

describe('a generation that was given up before', () => {
  it('is closed at once where it is open, or when the term ends that still runs', () => {
    expect(ladderDue(spentAlready(begin(42, times), 700))).toMatchObject({ atMs: 700 });
    expect(ladderDue(spentAlready(held, 700))).toMatchObject({ atMs: 4000 });
  });
});

describe('the dead-man', () => {
  it('closes the server half of F before the term ends', () => {
    expect(armMs(held, 1000)).toBe(4000);
    expect(armMs(held, 4000)).toBe(1000);
  });

  it('is not armed when the ladder is due', () => {
    expect(armMs(held, 4001)).toBeNull();
  });
});

describe('a lease that another agent holds', () => {
  const aside = heldBy(begin(42, times), 'other', 7, 1000);

  it('makes us stand aside while its counter moves, and take charge when it has stood still for W', () => {
    expect(ladderDue(aside)).toMatchObject({ atMs: 7500 });
    expect(ladderDue(heldBy(aside, 'other', 7, 5000))).toMatchObject({ atMs: 7500 });
    expect(ladderDue(heldBy(aside, 'other', 8, 5000))).toMatchObject({ atMs: 11_500 });
  });

  it('is not judged while redis does not answer, nor asked for from the peer', () => {
    expect(ladderDue(unanswered(aside, 7000))).toMatchObject({ atMs: 13_500 });
    expect([mayAsk(aside), mayAskPeer(aside)]).toEqual([true, false]);
  });

  it('ends the right of whoever held it before', () => {
    expect(heldBy(held, 'other', 7, 2000)).toMatchObject({ isLost: true, foreign: null });
  });
});

describe('a server found open when its agent starts', () => {
  it('has so long for one grant', () => {
    const trial = begin(42, times, 1700);
    expect(ladderDue(trial)).toMatchObject({ atMs: 1700 });
    expect(ladderDue(granted(trial, 1500))).toMatchObject({ atMs: 4500 });
  });

  it('is left alone when it never had a lease', () => {
    expect(onTrial(A, { spent: 0, kept: null, topology: stable() })).toBeNull();
  });

  it('is confirmed at the generation that last opened it, or lets it write now', () => {
    expect(onTrial(A, { spent: 42, kept: stable(), topology: null })).toBe(42);
    expect(onTrial(A, { spent: 40, kept: stable(), topology: stable({ generation: 44 }) })).toBe(44);
    const others = stable({ generation: 44, writer: B, to: B });
    expect(onTrial(A, { spent: 40, kept: stable(), topology: others })).toBe(42);
  });
});

describe('SIGKILL', () => {
  it('comes a quarter of F before the term ends', () => {
    expect(killAtMs(held, 4000, null)).toBe(5500);
  });

  it('gives a late ladder a moment', () => {
    expect(killAtMs(held, 9000, null)).toBe(9500);
  });

  it('comes a second after a frozen server was given up, or earlier', () => {
    const frozen = frozenDue(1000, 3000);
    expect(frozen).toMatchObject({ atMs: 4000 });
    expect(killAtMs(granted(held, 3000), 4000, frozen)).toBe(5000);
    expect(killAtMs(held, 4500, frozen)).toBe(5500);
    expect(frozenDue(null, 3000)).toBeNull();
  });
});

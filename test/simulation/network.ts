/** Hosts and the ways between them: each direction may be cut for a while, and every message takes its time. */
import type { Engine } from './engine.ts';
import type { Random } from './random.ts';

export interface Network {
  isUp(from: string, to: string): boolean;
  /** Cuts one direction for so long. */
  cut(from: string, to: string, forMs: number): void;
  /** Every way is whole again. */
  heal(): void;
  /** How long a message takes that is sent now; Infinity: it is lost. */
  delayMs(from: string, to: string): number;
  /** When this way was last cut. */
  cutUntilMs(from: string, to: string): number;
}

/** Of messages between hosts: so many are late by up to four seconds, or lost. */
const LATE = 0.02;
const LOST = 0.004;
/** On one machine only scheduling delays a message. */
const LATE_INSIDE = 0.003;

/** `isRough`: messages may be late or lost although no way is cut. */
export function createNetwork(engine: Engine, random: Random, isRough: () => boolean): Network {
  const cuts = new Map<string, number>();
  const cutUntilMs = (from: string, to: string): number => cuts.get(`${from} ${to}`) ?? -1;
  return {
    cutUntilMs,
    isUp: (from, to) => from === to || cutUntilMs(from, to) <= engine.now(),
    cut(from, to, forMs) {
      cuts.set(`${from} ${to}`, Math.max(cutUntilMs(from, to), engine.now() + forMs));
    },
    heal() {
      for (const way of cuts.keys()) cuts.set(way, engine.now());
    },
    delayMs(from, to) {
      const dice = isRough() ? random.next() : 1;
      if (from === to) return dice < LATE_INSIDE ? random.between(50, 800) : random.between(0.05, 1);
      if (dice < LOST) return Number.POSITIVE_INFINITY;
      return dice < LOST + LATE ? random.between(200, 4000) : random.between(0.3, 15);
    },
  };
}

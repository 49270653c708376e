import type { LogEvent } from './dialects/dialect.ts';

/** How many events of a log are read at first: statements come with their whole text, perhaps many megabytes. */
export const EVENTS_FIRST = 10;

const CHARACTERS_AT_ONCE = 4_000_000;

/** How many to read next, after so many that were as long as these. */
export function nextLimit(limit: number, events: readonly LogEvent[], most: number): number {
  const characters = events.reduce((sum, { info }) => sum + info.length, 0);
  const fitting = Math.floor((CHARACTERS_AT_ONCE * events.length) / Math.max(1, characters));
  // Of a relay log the last one is read again: one alone would be no step ahead.
  return Math.max(2, Math.min(most, limit * 10, fitting));
}

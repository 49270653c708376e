import type { Dialect } from './dialect.ts';
import { mariadb } from './mariadb.ts';

/** The dialect for a server by its `VERSION()`; null when it is not supported. */
export function dialectFor(version: string): Dialect | null {
  return /mariadb/i.test(version) && atLeast(version, 10, 5) ? mariadb : null;
}

function atLeast(version: string, major: number, minor: number): boolean {
  // Replication clients once needed `5.5.5-` before the true version.
  const numbers = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version);
  const theirs = Number(numbers?.[1] ?? 0);
  return theirs > major || (theirs === major && Number(numbers?.[2] ?? 0) >= minor);
}

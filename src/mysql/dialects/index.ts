import type { Dialect } from './dialect.ts';
import { mariadb } from './mariadb.ts';
import { type Abilities, mysql } from './mysql.ts';

/** The family of a server by its `VERSION()`, or why it is not supported. */
export function familyOf(
  version: string,
): { readonly family: Dialect['flavour'] } | { readonly refusal: string } {
  const isMariadb = /mariadb/i.test(version);
  const [name, major, minor] = isMariadb ? (['MariaDB', 10, 5] as const) : (['MySQL', 5, 6] as const);
  if (atLeast(version, major, minor)) return { family: isMariadb ? 'mariadb' : 'mysql' };
  return {
    refusal: `this is ${name} ${version === '' ? 'of an unknown version' : version}: ${name} ${major}.${minor} or later is needed`,
  };
}

/** `abilities` as MySQL told them. */
export function dialectOf(family: Dialect['flavour'], abilities: Abilities): Dialect {
  return family === 'mariadb' ? mariadb : mysql(abilities);
}

function atLeast(version: string, major: number, minor: number): boolean {
  // MariaDB's replication clients once needed `5.5.5-` before the true version.
  const numbers = /^(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version);
  const theirs = Number(numbers?.[1] ?? 0);
  return theirs > major || (theirs === major && Number(numbers?.[2] ?? 0) >= minor);
}

/** Sets of MySQL GTIDs as the server writes them: `uuid:1-5:7`, from 8.3 on also `uuid:tag:1-5`. */

/** Intervals, inclusive, by `uuid` or `uuid:tag`. */
type Intervals = ReadonlyMap<string, readonly (readonly [number, number])[]>;

/** In the server's own notation. */
export function nameSet(source: string, intervals: readonly (readonly [number, number])[]): string {
  return `${source}:${intervals.map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`)).join(':')}`;
}

export function parseSet(text: string): Intervals {
  const sets = new Map<string, (readonly [number, number])[]>();
  for (const part of text.replace(/\s+/g, '').split(',')) {
    const [uuid, ...rest] = part.split(':');
    if (!uuid) continue;
    let source = uuid.toLowerCase();
    for (const piece of rest) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(piece);
      if (match === null) {
        source = `${uuid.toLowerCase()}:${piece}`; // a tag: the intervals behind it are its own
        continue;
      }
      const intervals = sets.get(source) ?? [];
      intervals.push([Number(match[1]), Number(match[2] ?? match[1])]);
      sets.set(source, intervals);
    }
  }
  return sets;
}

/** What `from` holds and `what` does not. */
export function subtract(
  from: readonly (readonly [number, number])[],
  what: readonly (readonly [number, number])[],
): (readonly [number, number])[] {
  let left = [...from];
  for (const [a, b] of what) {
    left = left.flatMap(([x, y]) => {
      if (b < x || a > y) return [[x, y] as const];
      const pieces: (readonly [number, number])[] = [];
      if (x < a) pieces.push([x, a - 1]);
      if (y > b) pieces.push([b + 1, y]);
      return pieces;
    });
  }
  return left;
}

import type { Place } from '../core/model.ts';
import type { LogReading, RelayRest, Row, Statement } from './dialects/dialect.ts';
import { EVENTS_FIRST, nextLimit } from './pace.ts';
import { unlessGone } from './reasons.ts';
import { type Standing, step } from './transactions.ts';

/** What lies in a relay log behind what was applied. */
export type Rest =
  /** Nothing that can ever be applied: at most the beginning of a transaction. */
  | 'torn'
  /** At least one whole transaction. */
  | 'whole'
  /** Not there any more: it was applied to its end and thrown away. */
  | 'gone'
  /** There was no time to look it all through. */
  | 'unread';

const EVENTS_AT_ONCE = 500;
/** A look has not time for more. */
const MOST_READINGS = 20;

export interface RestMeans {
  readonly logs: LogReading;
  readonly ask: (statement: Statement, doing: string) => Promise<readonly Row[]>;
  readonly leftMs: () => number;
}

/**
 * Reads on from `rest`. Positions alone would never say that everything a dead source sent is applied when it died
 * within a transaction. Rejects with ServerError.
 */
export async function readRest(rest: RelayRest, { logs, ask, leftMs }: RestMeans): Promise<Rest> {
  let from: Place = rest.from;
  let limit = EVENTS_FIRST;
  let standing: Standing = 'outside';
  for (let reading = 0; reading < MOST_READINGS && leftMs() > 0; reading += 1) {
    const rows = await unlessGone(ask(logs.relayEvents(rest, from, limit), 'reading the relay log'));
    if (rows === null) return 'gone';
    const events = logs.toEvents(rows);
    const last = events.at(-1);
    const next = nextFile(from.file, last?.info ?? '');
    const goesOn = next !== null || (events.length === limit && last !== undefined);
    // Where it is read from next, the last one comes again.
    for (const event of goesOn && next === null ? events.slice(0, -1) : events) {
      const passed = step(standing, event);
      standing = passed.standing;
      if (passed.ended) return 'whole';
    }
    if (!goesOn || last === undefined) return 'torn';
    from = next === null ? { ...from, pos: last.start } : { file: next, pos: 4 };
    limit = nextLimit(limit, events, EVENTS_AT_ONCE);
  }
  return 'unread';
}

/** A relay log that goes on in the next file ends with its name; a rotation of the source names another one. */
function nextFile(file: string, info: string): string | null {
  const name = withoutFolder(/^(.+);pos=\d+$/.exec(info)?.[1] ?? '');
  const base = (text: string): string => withoutFolder(text).replace(/\.\d+$/, '');
  return name !== '' && base(name) === base(file) && name !== withoutFolder(file) ? name : null;
}

function withoutFolder(path: string): string {
  return path.replace(/^.*\//, '');
}

import type { Place } from '../core/model.ts';
import type { LogReading, RelayRest, Row, Statement } from './dialects/dialect.ts';
import { unlessGone } from './reasons.ts';
import { ends } from './transactions.ts';

const EVENTS_AT_ONCE = 500;
/** A look has not time for more. */
const MOST_READINGS = 20;

/**
 * Whether nothing in a relay log behind `rest` can ever be applied: at most the beginning of a transaction, whose
 * end its dead source did not send. Positions alone would never say that everything received is applied. Of a
 * transaction too large to be looked through, the applying thread's own word is taken: by then it is not stale.
 */
export async function isOnlyTorn(
  rest: RelayRest,
  logs: LogReading,
  ask: (statement: Statement, doing: string) => Promise<readonly Row[]>,
  leftMs: () => number,
): Promise<boolean> {
  let from: Place = rest.from;
  const untilMs = leftMs() / 2;
  for (let reading = 0; reading < MOST_READINGS && leftMs() > untilMs; reading += 1) {
    const rows = await unlessGone(ask(logs.relayEvents(from, EVENTS_AT_ONCE), 'reading the relay log'));
    // Applied to its end meanwhile, and thrown away.
    if (rows === null) return false;
    const events = logs.toEvents(rows);
    if (events.some((event) => ends(event))) return false;
    const last = events.at(-1);
    const next = nextFile(from.file, last?.info ?? '');
    if (next !== null) from = { file: next, pos: 4 };
    else if (events.length < EVENTS_AT_ONCE || last === undefined) return true;
    else from = { ...from, pos: last.start };
  }
  return rest.isIdle;
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

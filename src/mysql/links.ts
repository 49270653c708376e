import { ServerError } from '../errors.ts';
import type { Dialect, Row } from './dialects/dialect.ts';
import { restApart } from './look.ts';
import { errnoOf } from './reasons.ts';
import type { Session } from './session.ts';

/** The server's link from `from`; throws ServerError when it has none. */
export function linkIn(dialect: Dialect, links: readonly Row[], from: string, address: string): Row {
  const link = links.find((row) => dialect.sourceOf(row).toLowerCase() === from.toLowerCase());
  if (link !== undefined) return link;
  const known = links.map((row) => dialect.sourceOf(row)).join(', ');
  throw new ServerError(
    'faulty',
    `${address}: does not replicate from ${from} (it knows: ${known === '' ? 'nobody' : known}); set up the link with CHANGE MASTER`,
  );
}

/**
 * Has the beginning of a transaction, whose rest may never come, sent anew where it is all that was received and not
 * applied. Whole transactions stay: the source may not have them any longer.
 */
export async function restartIfTorn(
  { logs }: Dialect,
  link: Row,
  session: Session,
  extra: (timeoutMs: number) => Promise<Session>,
): Promise<void> {
  const rest = logs?.restOfStopped(link) ?? null;
  if (logs === null || rest === null) return;
  const found = await restApart(rest, logs, extra, READING_MS);
  if (found !== 'torn') return;
  try {
    for (const one of logs.restart(link))
      await session.ask({ ...one, doing: 'beginning again behind what was applied', timeoutMs: READING_MS });
  } catch (error) {
    // Several threads applied it with gaps: only starting fills them.
    if (errnoOf(error) !== APPLIED_WITH_GAPS) throw error;
  }
}

const READING_MS = 3000;
const APPLIED_WITH_GAPS = 1802;

import { ServerError } from '../errors.ts';
import type { Dialect, Row } from './dialects/dialect.ts';

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

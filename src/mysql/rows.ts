import { ServerError } from '../errors.ts';
import type { Row } from './dialects/dialect.ts';

/** The row of a statement that always has one. */
export function only(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new ServerError('faulty', 'the server sent no row for its own variables');
  return row;
}

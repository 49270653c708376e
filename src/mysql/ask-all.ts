import type { Answers, Dialect, Row, Statement } from './dialects/dialect.ts';

/** Sends the statements of a look or a position together, and then what their answers show to be needed too. */
export async function askAll(
  dialect: Dialect,
  statements: readonly Statement[],
  ask: (statement: Statement) => Promise<readonly Row[]>,
): Promise<Answers> {
  const answers = await Promise.all(statements.map(ask));
  const further = dialect.further(answers);
  return further === null ? answers : [...answers, await ask(further)];
}

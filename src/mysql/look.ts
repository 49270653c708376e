import type { History, Look } from '../core/model.ts';
import type { Answers, Dialect, Own, Statement } from './dialects/dialect.ts';
import type { OwnWrites } from './own-writes.ts';
import { isOnlyTorn } from './relay-rest.ts';
import type { Session } from './session.ts';

/** How a server is looked at. */
export interface Eyes {
  readonly session: Session;
  readonly dialect: Dialect;
  readonly own: Own;
  readonly ownWrites: OwnWrites;
  readonly leftMs: () => number;
}

/** One look; `known` are the last histories of the other members. */
export async function lookAt(eyes: Eyes, known: readonly History[]): Promise<Look> {
  const { session, dialect, ownWrites } = eyes;
  const ask = (statement: Statement, doing: string) =>
    session.ask({ ...statement, doing, timeoutMs: eyes.leftMs() });
  const answers = await Promise.all(
    dialect.look(eyes.own).map((statement) => ask(statement, 'looking at the server')),
  );
  const look = dialect.toLook(answers);
  const [history, links] = await Promise.all([
    ownWrites.complete(look.history, known, { dialect, ask, leftMs: eyes.leftMs, isReadOnly: look.readOnly }),
    withTornRests(look.links, eyes, answers, ask),
  ]);
  return { ...look, history, links };
}

/** What a dead source sent of a transaction without its end keeps nobody from going on. */
async function withTornRests(
  links: Look['links'],
  { dialect, leftMs }: Eyes,
  answers: Answers,
  ask: (statement: Statement, doing: string) => ReturnType<Session['ask']>,
): Promise<Look['links']> {
  const { logs } = dialect;
  if (logs === null) return links;
  const rests = logs.relayRest(answers);
  return Promise.all(
    links.map(async (link, index) => {
      const rest = rests[index] ?? null;
      if (link.drained || rest === null) return link;
      return { ...link, drained: await isOnlyTorn(rest, logs, ask, leftMs) };
    }),
  );
}

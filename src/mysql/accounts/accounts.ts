import { ServerError } from '../../errors.ts';
import type { Tended, TendOptions } from '../../ports.ts';
import { createKeeper, type KeeperOptions } from '../keeper.ts';
import { errnoOf, grantAdvice } from '../reasons.ts';
import type { Session } from '../session.ts';
import { type Blocking, type Catalogue, catalogueFor } from './catalogue.ts';
import { LACKS_PRIVILEGE, prepare, tend, type Work } from './tend.ts';

/** The applications' accounts of one server. */
export interface Accounts {
  /** Never rejects: what went wrong is told. */
  tend(options: TendOptions): Promise<Tended>;
  end(): void;
}

/** Keeps a session of its own: closing must neither wait for a login nor lose its connection here. */
export function createAccounts(options: KeeperOptions & { readonly blocking: Blocking }): Accounts {
  const { address, user, blocking } = options;
  const keeper = createKeeper(options);
  const prepared = new WeakSet<Session>();

  const work = (how: TendOptions): Promise<Tended> =>
    keeper.use(how.withinMs, async (session, dialect, leftMs) => {
      const catalogue = catalogueFor(dialect);
      try {
        if (!prepared.has(session)) await prepare({ session, leftMs });
        prepared.add(session);
        return summary(
          await tend({ session, dialect, catalogue, blocking, ownUser: user, leftMs }, how),
          how,
        );
      } catch (error) {
        // A cut connection is tried once more by the keeper.
        if (!(error instanceof ServerError) || session.state === 'cut') throw error;
        if (session.state === 'ended') void abandon(session.id);
        const why = await advised(error, catalogue, session, leftMs());
        // A privilege that is granted now counts for later logins only.
        if (LACKS_PRIVILEGE.has(errnoOf(error) ?? 0)) session.end();
        return { changed: [], trouble: inWords(how, why), exceptions: '' };
      }
    });

  /** MySQL lets a statement wait for a global read lock for ever: it would lock an account long after we gave up. */
  const abandon = async (id: number): Promise<void> => {
    const ask = { sql: `KILL CONNECTION ${id}`, doing: 'taking back what was given up' };
    const taken = keeper.use(ABANDON_MS, (session, _dialect, leftMs) =>
      session.ask({ ...ask, timeoutMs: leftMs() }),
    );
    // Gone already, or a server that answers nothing: then the next pass sees what came of it.
    await taken.catch(() => undefined);
  };

  const inWords = ({ usable }: TendOptions, why: string): string =>
    `accounts of ${address} could not be ${usable ? 'released' : 'locked'}: ${why.replaceAll(`${address}: `, '')}`;

  const summary = ({ changed, failed, exceptions }: Work, how: TendOptions): Tended => ({
    changed,
    trouble: failed.length === 0 ? '' : inWords(how, failed.join('; ')),
    exceptions: exceptions.join('; '),
  });

  const advised = async (
    error: ServerError,
    { grants }: Catalogue,
    session: Session,
    leftMs: number,
  ): Promise<string> => {
    const errno = errnoOf(error) ?? 0;
    if (isBadPattern(errno)) return `${error.message}; correct block_user or block_host`;
    if (!LACKS_PRIVILEGE.has(errno)) return error.message;
    const account = await whoWeAre(session, leftMs);
    return `${error.message}; ${grantAdvice(grants, { user, ...(account !== null && { account }) })}`;
  };

  /** As the server spells our account: only it knows by which host it knows us. */
  const whoWeAre = async (session: Session, leftMs: number): Promise<string | null> => {
    const ask = { sql: 'SELECT CURRENT_USER() AS account', doing: 'asking for our account' };
    const rows = await session.ask({ ...ask, timeoutMs: Math.max(leftMs, LEAST_MS) }).catch(() => []);
    return rows[0]?.account ?? null;
  };

  return {
    tend: async (how) => {
      try {
        return await work(how);
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        return { changed: [], trouble: inWords(how, error.message), exceptions: '' };
      }
    },
    end: () => keeper.end(),
  };
}

const ABANDON_MS = 1000;
const LEAST_MS = 100;

/** Regular expressions: 1139, and those of MySQL 8. */
function isBadPattern(errno: number): boolean {
  return errno === 1139 || (errno >= 3685 && errno <= 3699);
}

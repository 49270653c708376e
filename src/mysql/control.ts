import { ServerError } from '../errors.ts';
import type { Glance } from '../ports.ts';
import { glanceAt, isReadOnly, STATUS_SOURCES } from './dialects/lease.ts';
import { count } from './dialects/text.ts';
import { type KeeperOptions, keepSession } from './keeper.ts';
import { errnoOf } from './reasons.ts';
import type { Session } from './session.ts';

/** A kept session that nothing slow is ever asked on. */
export interface Control {
  glance(lock: string, timeoutMs: number): Promise<Glance>;
  /** Runs `act` on the session, all within `timeoutMs`. */
  use<T>(timeoutMs: number, act: (session: Session, leftMs: () => number) => Promise<T>): Promise<T>;
  end(): void;
}

export function createControl(options: KeeperOptions): Control {
  const keeper = keepSession(options, statusSource);
  return {
    glance: (lock, timeoutMs) =>
      keeper.use(timeoutMs, async (session, source, leftMs) => {
        const doing = 'glancing at the server';
        const [row] = await session.ask({ ...glanceAt(lock, source), doing, timeoutMs: leftMs() });
        return {
          readOnly: isReadOnly(row),
          lockFree: row?.lock_free === '1',
          uptimeSeconds: count(row?.uptime),
        };
      }),
    use: (timeoutMs, act) => keeper.use(timeoutMs, (session, _source, leftMs) => act(session, leftMs)),
    end: () => keeper.end(),
  };
}

/** By trying: forks and distributions number their versions as they like. */
async function statusSource(session: Session, address: string, timeoutMs: number): Promise<string> {
  for (const source of STATUS_SOURCES) {
    try {
      const doing = 'asking where it has its status';
      await session.ask({ sql: `SELECT 1 FROM ${source} LIMIT 1`, timeoutMs, doing });
      return source;
    } catch (error) {
      if (errnoOf(error) === null) throw error;
    }
  }
  throw new ServerError('faulty', `${address}: it does not tell its uptime (${STATUS_SOURCES.join(', ')})`);
}

import { ServerError } from '../errors.ts';
import type { Dialect } from './dialects/dialect.ts';
import { PENDING, within } from './patience.ts';
import { isPrivilegeMissing, noAnswer } from './reasons.ts';
import { recognise } from './recognise.ts';
import { openSession, type Session, type Target } from './session.ts';

/** Keeps one session open and hands it out, with what was learned of its server. */
export interface Keeper<Known> {
  /** Runs `act` on the kept session, all within `timeoutMs`; once more on a fresh one when it was cut meanwhile. */
  use<T>(
    timeoutMs: number,
    act: (session: Session, known: Known, leftMs: () => number) => Promise<T>,
  ): Promise<T>;
  end(): void;
}

export interface KeeperOptions extends Target {
  readonly connectTimeoutMs: number;
  readonly onLost?: () => void;
}

interface Kept<Known> {
  readonly session: Session;
  readonly known: Known;
}

/** Nothing is opened before the first use. */
export function createKeeper(options: KeeperOptions): Keeper<Dialect> {
  return keepSession(options, recognise);
}

/** `learn` is asked on each fresh session. */
export function keepSession<Known>(
  options: KeeperOptions,
  learn: (session: Session, address: string, timeoutMs: number) => Promise<Known>,
): Keeper<Known> {
  let kept: Kept<Known> | null = null;
  let opening: Promise<Kept<Known>> | null = null;
  let ended = false;

  const open = async (timeoutMs: number): Promise<Kept<Known>> => {
    const session = await openSession(options, timeoutMs, options.onLost);
    try {
      if (ended) throw new ServerError('faulty', `${options.address}: the connection was let go of`);
      kept = { session, known: await learn(session, options.address, timeoutMs) };
      return kept;
    } catch (error) {
      session.end();
      throw error;
    }
  };
  const current = (timeoutMs: number): Promise<Kept<Known>> => {
    if (kept?.session.state === 'open') return Promise.resolve(kept);
    opening ??= open(timeoutMs).finally(() => {
      opening = null;
    });
    return opening;
  };

  return {
    use: async (timeoutMs, act) => {
      const start = performance.now();
      const leftMs = (): number => timeoutMs - (performance.now() - start);
      for (let again = true; ; again = false) {
        const found = await within(current(Math.min(options.connectTimeoutMs, leftMs())), leftMs());
        if (found === PENDING) throw noAnswer({ ...options, doing: 'connecting', needs: '' }, timeoutMs);
        const { session, known } = found;
        try {
          return await act(session, known, leftMs);
        } catch (error) {
          // A privilege that is granted meanwhile counts for those who log in anew.
          if (isPrivilegeMissing(error)) session.end();
          // A cut connection says nothing yet about the server: only a fresh one does.
          if (session.state !== 'cut' || !again || leftMs() <= 0) throw error;
        }
      }
    },
    end: () => {
      ended = true;
      kept?.session.end();
    },
  };
}

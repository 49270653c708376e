import type { Session } from './session.ts';

/** Lends a session that nobody else uses meanwhile, and keeps the last one for a moment. */
export interface Spare {
  /** Runs `act` on it; `timeoutMs` bounds the login, where there has to be one. */
  use<T>(timeoutMs: number, act: (session: Session) => Promise<T>): Promise<T>;
  end(): void;
}

const KEPT_MS = 1000;

/** `open` logs in. Where many knock at once a login takes longer than most that is asked afterwards. */
export function createSpare(open: (timeoutMs: number) => Promise<Session>): Spare {
  let spare: Session | null = null;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const take = (): Session | null => {
    const session = spare;
    clearTimeout(timer);
    spare = null;
    return session?.state === 'open' ? session : null;
  };
  const end = (): void => take()?.end();
  const keep = (session: Session): void => {
    end();
    if (ended) {
      session.end();
      return;
    }
    spare = session;
    timer = setTimeout(end, KEPT_MS).unref();
  };

  return {
    use: async (timeoutMs, act) => {
      const session = take() ?? (await open(timeoutMs));
      try {
        const result = await act(session);
        keep(session);
        return result;
      } catch (error) {
        session.end();
        throw error;
      }
    },
    end: () => {
      ended = true;
      end();
    },
  };
}

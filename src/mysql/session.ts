/**
 * One connection to a server on which nothing waits for ever: connecting (greeting and login included) and every
 * statement have a bound, and a connection that missed one is thrown away, because its answers would be out of step.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2';
import { endpoint } from '../core/address.ts';
import { ServerError } from '../errors.ts';
import type { Row } from './dialects/dialect.ts';
import { type Attempt, explain, isCut, isPrivilegeMissing, noAnswer } from './reasons.ts';

/** How a server is reached. */
export interface Target {
  readonly address: string;
  readonly user: string;
  readonly password: string;
  /** Empty: none. */
  readonly database: string;
  readonly charset: string;
}

/** What is asked, and for how long. */
export interface Ask {
  readonly sql: string;
  readonly timeoutMs: number;
  /** For error messages: what the statement is for, after "while". */
  readonly doing: string;
  /** For error messages: the privilege it needs. */
  readonly needs?: string;
}

export interface Session {
  /** The server's number of this connection. */
  readonly id: number;
  /** `cut` by the other side, or `ended` by us (also after a missed bound). */
  readonly state: 'open' | 'cut' | 'ended';
  /** Rejects with ServerError. */
  ask(ask: Ask): Promise<readonly Row[]>;
  end(): void;
}

/**
 * Connects and logs in, all within `timeoutMs`; rejects with ServerError. `onCut` is called once, as soon as the
 * other side closes or the socket fails.
 */
export async function openSession(target: Target, timeoutMs: number, onCut?: () => void): Promise<Session> {
  const attempt: Attempt = { address: target.address, user: target.user, doing: 'connecting', needs: '' };
  const start = performance.now();
  try {
    return await login(target, attempt, timeoutMs, onCut);
  } catch (error) {
    const leftMs = timeoutMs - (performance.now() - start);
    // A dying server resets what it had accepted: only a second knock tells whether it is gone.
    if (isCut(error) && (await isRefused(target.address, leftMs))) {
      throw new ServerError(
        'refused',
        `${target.address}: nobody listens there any more; is the server running?`,
        { cause: error },
      );
    }
    throw explain(error, attempt);
  }
}

function login(target: Target, attempt: Attempt, timeoutMs: number, onCut?: () => void): Promise<Session> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ ...endpoint(target.address), noDelay: true, keepAlive: true });
    // These stay for ever: an 'error' event that nobody listens to would end the process.
    socket.on('error', ignore);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(noAnswer(attempt, timeoutMs)), Math.max(1, timeoutMs));
    try {
      const connection = createConnection({ ...OPTIONS, ...credentials(target), stream: socket });
      connection.on('error', ignore);
      connection.once('error', fail);
      connection.once('connect', () => {
        clearTimeout(timer);
        connection.off('error', fail);
        resolve(describeSession(connection, socket, attempt, onCut));
      });
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function credentials({ user, password, charset, database }: Target) {
  return database === '' ? { user, password, charset } : { user, password, charset, database };
}

const OPTIONS = {
  // Our own timer bounds login; the driver's would stay armed behind it.
  connectTimeout: 0,
  multipleStatements: false,
  enableCleartextPlugin: false,
  // The server could otherwise ask for any file of ours, and for the password under a key of its own making.
  flags: ['-LOCAL_FILES'],
  infileStreamFactory: (): never => {
    throw new Error('the server asked for a file, which it never gets');
  },
  authPlugins: { sha256_password: refusePlugin, caching_sha2_password: refusePlugin },
  typeCast: (field: { string(): string | null }): string | null => field.string(),
};

function refusePlugin(): never {
  throw new Error('this login method is not supported');
}

function describeSession(
  connection: Connection,
  socket: Socket,
  attempt: Attempt,
  onCut?: () => void,
): Session {
  let state: Session['state'] = 'open';
  let account: string | undefined;
  const waiting = new Set<(error: Error) => void>();
  const leave = (as: 'cut' | 'ended', error: Error): void => {
    if (state !== 'open') return;
    state = as;
    connection.destroy();
    // The driver calls nobody back after destroy.
    for (const giveUp of waiting) giveUp(error);
    if (as === 'cut') onCut?.();
  };
  const cut = (error?: unknown): void => leave('cut', error instanceof Error ? error : connectionLost());
  for (const event of ['end', 'close', 'error'] as const) socket.once(event, cut);
  connection.once('error', cut);
  const ask = ({ sql, timeoutMs, doing, needs = '' }: Ask): Promise<readonly Row[]> =>
    new Promise((resolve, reject) => {
      let what: Attempt = { ...attempt, doing, needs };
      const settle = (): void => {
        clearTimeout(timer);
        waiting.delete(giveUp);
      };
      const giveUp = (error: unknown): void => {
        settle();
        reject(explain(error, what));
      };
      const timer = setTimeout(() => leave('ended', noAnswer(what, timeoutMs)), Math.max(1, timeoutMs));
      if (state !== 'open') return giveUp(connectionLost());
      waiting.add(giveUp);
      /** The GRANT must name the account, and only the server knows by which host it knows us. */
      const askWhoWeAre = (error: unknown): void => {
        connection.query<RowDataPacket[]>('SELECT CURRENT_USER() AS account', (_, rows) => {
          account = String(rows?.[0]?.account ?? '') || undefined;
          refuse(error);
        });
      };
      const refuse = (error: unknown): void => {
        if (account !== undefined) what = { ...what, account };
        giveUp(error);
      };
      connection.query<RowDataPacket[]>(sql, (error, rows) => {
        if (error !== null && needs !== '' && account === undefined && isPrivilegeMissing(error)) {
          return askWhoWeAre(error);
        }
        if (error !== null) return refuse(error);
        settle();
        resolve(Array.isArray(rows) ? rows : []);
      });
    });
  return {
    id: connection.threadId,
    get state() {
      return state;
    },
    ask,
    end: () => leave('ended', connectionLost()),
  };
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'PROTOCOL_CONNECTION_LOST' });
}

/** Whether a fresh connection is refused right now. */
function isRefused(address: string, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(endpoint(address));
    const done = (refused: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(refused);
    };
    const timer = setTimeout(done, Math.min(200, Math.max(1, withinMs)), false);
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code === 'ECONNREFUSED'));
    socket.once('connect', () => done(false));
  });
}

function ignore(): void {}

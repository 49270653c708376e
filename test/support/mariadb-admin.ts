import { createConnection, type RowDataPacket } from 'mysql2';

export type Row = Readonly<Record<string, unknown>>;

/** A client session for tests; rejects with the driver's error (`code`, `errno`). */
export interface TestSession {
  /** The server's number of this connection. */
  readonly id: number;
  query(sql: string): Promise<readonly Row[]>;
  end(): void;
}

/** Where and as whom. */
export interface TestTarget {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user: string;
  readonly password?: string;
  readonly database?: string;
}

/** root, by the socket file. */
export function rootSession(socketPath: string): Promise<TestSession> {
  return testSession({ socketPath, user: 'root' });
}

/** Connects; rejects within 5 s. */
export function testSession(target: TestTarget): Promise<TestSession> {
  return new Promise((resolve, reject) => {
    const connection = createConnection({ ...target, connectTimeout: 5_000 });
    connection.once('error', reject);
    // A server that dies under a session must not end the test run: the next query says so.
    connection.on('error', () => undefined);
    connection.once('connect', () => {
      resolve({
        id: connection.threadId ?? 0,
        query: (sql) =>
          new Promise((done, fail) => {
            connection.query<RowDataPacket[]>(sql, (error, rows) =>
              error === null ? done(Array.isArray(rows) ? rows : []) : fail(error),
            );
          }),
        end: () => connection.destroy(),
      });
    });
  });
}

import { createConnection } from 'mysql2';
import { accounts } from '../test/support/mariadb-template.ts';

/** Logs in at `port` again and again until the writable server that answers is the one of `serverPort`. */
export async function reaches(port: number, serverPort: number, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await answers(port, serverPort))) {
    if (performance.now() > endMs)
      throw new Error(`port ${port} does not lead to the server of port ${serverPort}`);
  }
}

function answers(port: number, serverPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection({
      host: '127.0.0.1',
      port,
      ...accounts.verify,
      connectTimeout: 1_000,
    });
    const end = (answer: boolean) => {
      connection.destroy();
      resolve(answer);
    };
    connection.on('error', () => end(false));
    connection.query('SELECT @@port AS port, @@read_only AS closed', (error, rows) => {
      const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
      end(error === null && isServer(row, serverPort));
    });
  });
}

function isServer(row: unknown, serverPort: number): boolean {
  return typeof row === 'object' && row !== null && 'port' in row && 'closed' in row
    ? row.port === serverPort && row.closed === 0
    : false;
}

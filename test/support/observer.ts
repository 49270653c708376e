/** Watches whether two servers take writes at the same instant. */
import { type Connection, createConnection } from 'mysql2';
import { pause } from './eventually.ts';

interface Sighting {
  /** Monotonic ms of this process. */
  readonly atMs: number;
}

export interface Observer extends AsyncDisposable {
  /** Complete looks so far. */
  readonly samples: number;
  /** Instants at which both were surely writable. */
  readonly sightings: readonly Sighting[];
  stop(): Promise<void>;
}

const EVERY_MS = 3;
const PATIENCE_MS = 250;

/**
 * Looks at A, at B and at A again: A writable before and after, B in between, means both at that instant.
 * `sockets` are the servers' socket files; a server that does not answer takes no writes.
 */
export function startObserver(sockets: readonly [string, string]): Observer {
  const a = createEye(sockets[0]);
  const b = createEye(sockets[1]);
  const sightings: Sighting[] = [];
  let samples = 0;
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      if (await bothWritable(a, b)) sightings.push({ atMs: performance.now() });
      samples += 1;
      await pause(EVERY_MS);
    }
    a.close();
    b.close();
  })();
  const stop = async () => {
    stopped = true;
    await loop;
  };
  return {
    get samples() {
      return samples;
    },
    sightings,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function bothWritable(a: Eye, b: Eye): Promise<boolean> {
  return (await a.writable()) && (await b.writable()) && (await a.writable());
}

interface Eye {
  writable(): Promise<boolean>;
  close(): void;
}

function createEye(socketPath: string): Eye {
  let connection: Connection | null = null;
  const drop = () => {
    connection?.destroy();
    connection = null;
  };
  const writable = () =>
    new Promise<boolean>((resolve) => {
      const end = (answer: boolean | null) => {
        clearTimeout(late);
        if (answer === null) drop();
        resolve(answer === true);
      };
      const late = setTimeout(() => end(null), PATIENCE_MS);
      connection ??= quietConnection(socketPath);
      connection.query('SELECT @@global.read_only AS closed', (error, rows) =>
        end(error === null ? isOpen(rows) : null),
      );
    });
  return { writable, close: drop };
}

function quietConnection(socketPath: string): Connection {
  const connection = createConnection({ socketPath, user: 'root', connectTimeout: PATIENCE_MS });
  connection.on('error', () => undefined);
  return connection;
}

function isOpen(rows: unknown): boolean {
  if (!Array.isArray(rows)) return false;
  const closed: unknown = rows[0]?.closed;
  return closed === 0 || closed === '0' || closed === 'OFF';
}

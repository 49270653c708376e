/** Watches when each of two servers takes writes, and whether both do at the same instant. */
import { type Connection, createConnection } from 'mysql2';
import { pause } from './eventually.ts';

interface Sighting {
  /** Monotonic ms of this process. */
  readonly atMs: number;
}

/** `silent`: it does not answer, so it takes no writes either. */
export type Seen = 'open' | 'closed' | 'silent';

/** A server was first seen in this state. */
export interface Turn {
  readonly atMs: number;
  /** 0 or 1, as in `sockets`. */
  readonly server: 0 | 1;
  readonly seen: Seen;
}

export interface Observer extends AsyncDisposable {
  /** Complete looks so far. */
  readonly samples: number;
  /** Instants at which both were surely writable. */
  readonly sightings: readonly Sighting[];
  /** Everything that changed, oldest first. */
  readonly turns: readonly Turn[];
  stop(): Promise<void>;
}

const EVERY_MS = 3;
const PATIENCE_MS = 250;

/**
 * Looks at A, at B and at A again: A writable before and after, B in between, means both at that instant.
 * `sockets` are the servers' socket files; a server that does not answer takes no writes.
 */
export function startObserver(sockets: readonly [string, string]): Observer {
  const turns: Turn[] = [];
  const eye = (server: 0 | 1) => withMemory(createEye(sockets[server]), server, turns);
  const a = eye(0);
  const b = eye(1);
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
    turns,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function bothWritable(a: Eye, b: Eye): Promise<boolean> {
  const [first, between] = [await a.look(), await b.look()];
  return first === 'open' && between === 'open' && (await a.look()) === 'open';
}

interface Eye {
  look(): Promise<Seen>;
  close(): void;
}

function withMemory(eye: Eye, server: 0 | 1, turns: Turn[]): Eye {
  let before: Seen | null = null;
  const look = async () => {
    const seen = await eye.look();
    if (seen !== before) turns.push({ atMs: performance.now(), server, seen });
    before = seen;
    return seen;
  };
  return { look, close: eye.close };
}

function createEye(socketPath: string): Eye {
  let connection: Connection | null = null;
  const drop = () => {
    connection?.destroy();
    connection = null;
  };
  const look = () =>
    new Promise<Seen>((resolve) => {
      const end = (answer: Seen) => {
        clearTimeout(late);
        if (answer === 'silent') drop();
        resolve(answer);
      };
      const late = setTimeout(() => end('silent'), PATIENCE_MS);
      connection ??= quietConnection(socketPath);
      connection.query('SELECT @@global.read_only AS closed', (error, rows) =>
        end(error === null ? stateIn(rows) : 'silent'),
      );
    });
  return { look, close: drop };
}

function quietConnection(socketPath: string): Connection {
  const connection = createConnection({ socketPath, user: 'root', connectTimeout: PATIENCE_MS });
  connection.on('error', () => undefined);
  return connection;
}

function stateIn(rows: unknown): Seen {
  if (!Array.isArray(rows)) return 'silent';
  const closed: unknown = rows[0]?.closed;
  return closed === 0 || closed === '0' || closed === 'OFF' ? 'open' : 'closed';
}

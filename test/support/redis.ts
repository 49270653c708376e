/** A real redis-server on a free port: a restart loses everything that SAVE has not written before. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { freePorts, type Process, startProcess, tempDir } from './processes.ts';
import { programs } from './servers.ts';

export interface RedisServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** A connection of the test's own, for looking and for mischief; waits while the server is away. */
  readonly client: Redis;
  log(): string;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
  /** kill -9. */
  kill9(): Promise<void>;
  /** Starts it again on the same port, empty; ends the old one first when it runs. */
  restart(): Promise<void>;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** More arguments of redis-server. */
  readonly args?: readonly string[];
  /** A network namespace to run in, and its address; the test's own connection then takes the socket file. */
  readonly at?: { readonly netns: string; readonly host: string; readonly socket: string };
}

/** Resolves when it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { redisServer } = await programs();
  const [port = 0] = await freePorts(1);
  const dir = await tempDir('redis');
  const host = options.at?.host ?? '127.0.0.1';
  const auth = options.password === undefined ? {} : { password: options.password };
  const where = options.at === undefined ? { host, port } : { path: options.at.socket };
  const client = new Redis({ ...where, ...auth, lazyConnect: true, retryStrategy: () => 20 });
  client.on('error', () => {});

  const start = () =>
    startProcess('redis', redisServer, serverArgs(port, options), {
      logFile: join(dir.path, 'redis.log'),
      cwd: dir.path,
      ...(options.at !== undefined && { netns: options.at.netns }),
    });
  let server: Process = start();
  const answers = () =>
    eventually('redis answers', async () => {
      if (!server.alive()) throw new Error(`redis ended: ${server.log()}`);
      return (await client.ping()) === 'PONG';
    });
  await answers();

  return {
    host,
    port,
    get pid() {
      return server.pid;
    },
    client,
    log: () => server.log(),
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    stop: async () => void (await server.stop()),
    kill9: async () => void (await server.kill()),
    restart: async () => {
      if (server.alive()) await server.kill();
      server = start();
      await answers();
    },
    [Symbol.asyncDispose]: async () => {
      client.disconnect();
      await server.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function serverArgs(port: number, options: RedisServerOptions): string[] {
  const base = [
    '--port',
    String(port),
    '--bind',
    options.at?.host ?? '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--daemonize',
    'no',
  ];
  const auth = options.password === undefined ? [] : ['--requirepass', options.password];
  const file = options.at === undefined ? [] : ['--unixsocket', options.at.socket, '--protected-mode', 'no'];
  return [...base, ...auth, ...file, ...(options.args ?? [])];
}

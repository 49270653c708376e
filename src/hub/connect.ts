import { Redis } from 'ioredis';
import { HubError } from '../errors.ts';
import type { Log } from '../ports.ts';
import { COMMAND_TIMEOUT_MS, hubError, isTimeout, LOADING } from './trouble.ts';

/** How to reach Redis: `[redis]` of every configuration file. */
export interface RedisOptions {
  readonly host: string;
  readonly port: number;
  readonly username?: string | null | undefined;
  readonly password?: string | null | undefined;
  readonly db?: number | undefined;
  /** Channel of the ancestor's message; errors name it. */
  readonly topic?: string | undefined;
  readonly tls?: TlsOptions | null | undefined;
  readonly log?: Log | undefined;
}

/** Certificates and the key as PEM. The server must show a certificate of `ca` for its name. */
export interface TlsOptions {
  readonly ca: string;
  readonly cert: string | null;
  readonly key: string | null;
  /** null: the host that is connected to. */
  readonly servername: string | null;
}

/** A connection that heals itself for ever and never queues what it cannot send now. */
export interface Connection {
  readonly redis: Redis;
  /** Runs `work` on the open connection; rejects with HubError, at once when Redis is known to be away. */
  run<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
  close(): void;
}

const LONGEST_PAUSE_MS = 1000;

/** Starts connecting. `onReady` is called each time commands can be sent (again). */
export function connect(options: RedisOptions, onReady: () => void = () => {}): Connection {
  let closed = false;
  let trouble: unknown = null;
  let away = false;
  const redis = client(options);
  // Each call that waits for the connection listens for a moment; with 500 clusters that is no leak.
  redis.setMaxListeners(0);

  redis.on('error', (error: Error) => {
    if (isNews(error) || trouble === null) trouble = error;
    if (!away) options.log?.warn({ reason: hubError(error, options).message }, 'redis is away');
    away = true;
    // The client would go on in database 0, where another product may live.
    if (/DB index/i.test(error.message)) redis.disconnect(true);
  });
  redis.on('ready', () => {
    if (away) options.log?.info({}, 'redis is back');
    trouble = null;
    away = false;
    onReady();
  });
  // The client gives up when it is told to reconnect at a bad moment; we never do.
  redis.on('end', () => {
    if (!closed) setTimeout(() => closed || redis.connect().catch(() => {}), LONGEST_PAUSE_MS).unref();
  });

  async function run<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (closed) throw new HubError('the connection to Redis was closed by this program');
    try {
      if (redis.status !== 'ready') await untilReady(redis);
      return await work(redis);
    } catch (error) {
      if (isTimeout(error) && redis.status === 'ready') redis.disconnect(true);
      throw hubError(isNews(error) ? error : (trouble ?? error), options);
    }
  }

  function close(): void {
    closed = true;
    redis.disconnect();
  }

  return { redis, run, close };
}

function client(options: RedisOptions): Redis {
  return new Redis({
    host: options.host,
    port: options.port,
    db: options.db ?? 0,
    ...(options.username ? { username: options.username } : {}),
    ...(options.password ? { password: options.password } : {}),
    ...(options.tls ? { tls: given(options.tls) } : {}),
    protocol: 2,
    connectionName: 'mmm-manager',
    disableClientInfo: true,
    connectTimeout: 1000,
    commandTimeout: COMMAND_TIMEOUT_MS,
    disconnectTimeout: 50,
    keepAlive: 5000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: LONGEST_PAUSE_MS,
    retryStrategy: (times) => Math.min(20 * 2 ** Math.min(times, 10), LONGEST_PAUSE_MS),
  });
}

function given({ ca, cert, key, servername }: TlsOptions) {
  return {
    ca,
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(servername === null ? {} : { servername }),
    rejectUnauthorized: true,
  };
}

/** Waits for a connection that is on its way; rejects when it fails or is not even being tried. */
function untilReady(redis: Redis): Promise<void> {
  if (redis.status !== 'connecting' && redis.status !== 'connect') {
    return Promise.reject(new Error('Connection is closed.'));
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new Error('Command timed out'))), COMMAND_TIMEOUT_MS);
    const succeed = () => done(resolve);
    const fail = () => done(() => reject(new Error('Connection is closed.')));
    // While Redis loads its data the client is connected, says nothing and is not ready.
    const ask = () =>
      redis.info('persistence').then(
        (text) => /^loading:1/m.test(text) && done(() => reject(new Error(LOADING))),
        () => undefined,
      );
    function done(settle: () => void): void {
      clearTimeout(timer);
      redis.off('ready', succeed);
      redis.off('close', fail);
      redis.off('connect', ask);
      settle();
    }
    redis.once('ready', succeed);
    redis.once('close', fail);
    redis.once('connect', ask);
    if (redis.status === 'connect') void ask();
  });
}

/** Whether an error says more than that the connection is gone; the reason for that was told by an event. */
function isNews(error: unknown): boolean {
  return (
    !(error instanceof Error) || !/^Connection is closed|isn't writeable|max retries/.test(error.message)
  );
}

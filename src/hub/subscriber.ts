import type { Hint } from '../ports.ts';
import { announcedCluster } from './change.ts';
import { type Connection, connect, type RedisOptions } from './connect.ts';
import { wakeChannel } from './keys.ts';
import { hubError, isForbidden } from './trouble.ts';

/** Carries hints from Redis to whoever watches. */
export interface Subscriber {
  /**
   * Resolves once subscribed, or after the command timeout when Redis is away: then the hints start, with
   * `reconnected`, when it is back.
   */
  watch(uniqsigns: readonly string[], onHint: OnHint, signal: AbortSignal, topic?: string): Promise<void>;
  /** Tells every watcher that messages may have been missed. */
  reconnected(): void;
  close(): void;
}

type OnHint = (uniqsign: string, hint: Hint) => void;

interface Watcher {
  /** uniqsign by channel */
  readonly channels: ReadonlyMap<string, string>;
  /** Where the ancestor's messages come. */
  readonly topic: string | undefined;
  readonly onHint: OnHint;
}

const HEARTBEAT_MS = 1000;
const HINTS: ReadonlySet<string> = new Set<Hint>(['topology', 'facts', 'report', 'request']);

/** Connects with the first `watch`. */
export function createSubscriber(options: RedisOptions): Subscriber {
  const watchers = new Set<Watcher>();
  let connection: Connection | null = null;
  let heartbeat: NodeJS.Timeout | null = null;
  /** Channels the present connection is subscribed to. */
  let subscribed = new Set<string>();
  let complained = false;

  async function watch(
    uniqsigns: readonly string[],
    onHint: OnHint,
    signal: AbortSignal,
    topic?: string,
  ): Promise<void> {
    if (signal.aborted) return;
    const watcher = { channels: new Map(uniqsigns.map((sign) => [wakeChannel(sign), sign])), topic, onHint };
    const first = connection === null;
    watchers.add(watcher);
    signal.addEventListener('abort', () => leave(watcher), { once: true });
    connection ??= open();
    try {
      await subscribe(connection);
    } catch (error) {
      if (first) options.log?.warn({ reason: String(error) }, 'cannot watch redis yet');
    }
  }

  function open(): Connection {
    let fresh = true;
    const opened = connect(options, () => {
      subscribed = new Set();
      const missed = !fresh;
      fresh = false;
      if (missed) void heal(opened);
    });
    opened.redis.on('message', deliver);
    opened.redis.on('close', () => {
      fresh = false;
    });
    heartbeat = setInterval(() => void check(opened), HEARTBEAT_MS);
    heartbeat.unref();
    return opened;
  }

  /** A frozen Redis or a cut cable raises no event at all: only an unanswered question shows it. */
  async function check(opened: Connection): Promise<void> {
    if (opened.redis.status !== 'ready') return;
    if (wantedChannels().some((channel) => !subscribed.has(channel))) return heal(opened);
    await opened.run((redis) => redis.ping()).catch(() => {});
  }

  async function heal(opened: Connection): Promise<void> {
    try {
      await subscribe(opened);
      complained = false;
      reconnected();
    } catch (error) {
      if (!complained) options.log?.warn({ reason: String(error) }, 'cannot subscribe; polling goes on');
      complained = true;
    }
  }

  async function subscribe(opened: Connection): Promise<void> {
    await opened.run(async (redis) => {
      await subscribeTo(redis, wakeChannels());
      try {
        await subscribeTo(redis, topics());
      } catch (error) {
        if (!isForbidden(error)) throw error;
        // Our own hints do not depend on it; asked again on the next connection.
        for (const topic of topics()) subscribed.add(topic);
        const { message } = hubError(error, options);
        options.log?.warn({ reason: message }, "may not listen to the ancestor's message; polling goes on");
      }
    });
  }

  async function subscribeTo(redis: Connection['redis'], channels: readonly string[]): Promise<void> {
    const missing = channels.filter((channel) => !subscribed.has(channel));
    if (missing.length === 0) return;
    await redis.subscribe(...missing);
    for (const channel of missing) subscribed.add(channel);
  }

  function deliver(channel: string, text: string): void {
    const announced = announcedCluster(text);
    for (const watcher of [...watchers]) {
      const isOurs = announced !== null && watcher.channels.has(wakeChannel(announced));
      if (isOurs && channel === watcher.topic) watcher.onHint(announced, 'announced');
    }
    if (!HINTS.has(text)) return;
    for (const watcher of [...watchers]) {
      const uniqsign = watcher.channels.get(channel);
      if (uniqsign !== undefined) watcher.onHint(uniqsign, text as Hint);
    }
  }

  function reconnected(): void {
    for (const watcher of [...watchers]) {
      for (const uniqsign of watcher.channels.values()) watcher.onHint(uniqsign, 'reconnected');
    }
  }

  function leave(watcher: Watcher): void {
    watchers.delete(watcher);
    const wanted = new Set(wantedChannels());
    const done = [...subscribed].filter((channel) => !wanted.has(channel));
    if (connection === null || done.length === 0) return;
    for (const channel of done) subscribed.delete(channel);
    connection.run((redis) => redis.unsubscribe(...done)).catch(() => {});
  }

  function wantedChannels(): string[] {
    return [...wakeChannels(), ...topics()];
  }

  function wakeChannels(): string[] {
    return [...new Set([...watchers].flatMap((watcher) => [...watcher.channels.keys()]))];
  }

  function topics(): string[] {
    return [...new Set([...watchers].flatMap(({ topic }) => topic ?? []))];
  }

  function close(): void {
    if (heartbeat !== null) clearInterval(heartbeat);
    watchers.clear();
    connection?.close();
  }

  return { watch, reconnected, close };
}

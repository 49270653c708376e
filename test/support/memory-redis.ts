/** As much of Redis as the memory hub needs: typed keys with expiry, and channels. Everything is synchronous. */
export interface MemoryRedis {
  /** Milliseconds of its own clock. */
  now(): number;
  incarnation(): string;
  /** The value of a key of this kind, or null when absent, expired or of another kind. */
  find<K extends Kind>(key: string, kind: K): Of<K> | null;
  kindOf(key: string): Kind | 'none';
  /** The value of a key, made new when it is absent or of another kind. */
  need<K extends Exclude<Kind, 'string'>>(key: string, kind: K): Of<K>;
  setString(key: string, text: string, ttlMs?: number): void;
  remove(key: string): void;
  /** Seconds to live; -1 without expiry, -2 when absent. */
  ttlSeconds(key: string): number;
  publish(channel: string, text: string): void;
  /** Calls back for each message until the returned function is called. */
  subscribe(listener: (channel: string, text: string) => void): () => void;
  onRestart(listener: () => void): () => void;
  /** As after a restart without its data: another incarnation, no key, everybody reconnects. */
  restartEmpty(): void;
  snapshot(): Snapshot;
  /** Back to an older state, as a restore from backup does it. */
  restore(snapshot: Snapshot): void;
}

export type Value =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'hash'; readonly fields: Map<string, string> }
  | { readonly kind: 'set'; readonly members: Set<string> }
  | { readonly kind: 'stream'; readonly entries: StreamEntry[] }
  | { readonly kind: 'list'; readonly items: string[] };
export type Kind = Value['kind'];
type Of<K extends Kind> = Extract<Value, { kind: K }>;

export interface StreamEntry {
  readonly at: string;
  readonly fields: readonly string[];
}

interface Entry {
  readonly value: Value;
  readonly expiresAt: number | null;
}
export type Snapshot = ReadonlyMap<string, Entry>;

export function createMemoryRedis(options: { readonly now?: () => number } = {}): MemoryRedis {
  const now = options.now ?? Date.now;
  const listeners = new Set<(channel: string, text: string) => void>();
  const restartListeners = new Set<() => void>();
  let entries = new Map<string, Entry>();
  let restarts = 0;

  function lookup(key: string): Value | null {
    const entry = entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAt === null || now() < entry.expiresAt) return entry.value;
    entries.delete(key);
    return null;
  }

  function find<K extends Kind>(key: string, kind: K): Of<K> | null {
    const value = lookup(key);
    return value !== null && value.kind === kind ? (value as Of<K>) : null;
  }

  function need<K extends Exclude<Kind, 'string'>>(key: string, kind: K): Of<K> {
    const found = find(key, kind);
    if (found !== null) return found;
    const value = empty(kind) as Of<K>;
    entries.set(key, { value, expiresAt: null });
    return value;
  }

  function restart(next: Map<string, Entry>): void {
    entries = next;
    restarts += 1;
    for (const listener of [...restartListeners]) listener();
  }

  return {
    now,
    incarnation: () => `memory${restarts}`,
    find,
    kindOf: (key) => lookup(key)?.kind ?? 'none',
    need,
    setString(key, text, ttlMs) {
      const expiresAt = ttlMs === undefined ? null : now() + ttlMs;
      entries.set(key, { value: { kind: 'string', text }, expiresAt });
    },
    remove: (key) => void entries.delete(key),
    ttlSeconds(key) {
      const expiresAt = lookup(key) === null ? undefined : entries.get(key)?.expiresAt;
      if (expiresAt === undefined) return -2;
      return expiresAt === null ? -1 : Math.round((expiresAt - now()) / 1000);
    },
    publish(channel, text) {
      for (const listener of [...listeners]) listener(channel, text);
    },
    subscribe: (listener) => enrol(listeners, listener),
    onRestart: (listener) => enrol(restartListeners, listener),
    restartEmpty: () => restart(new Map()),
    snapshot: () => structuredClone(entries),
    restore: (snapshot) => restart(new Map(structuredClone(snapshot))),
  };
}

function enrol<T>(all: Set<T>, listener: T): () => void {
  all.add(listener);
  return () => void all.delete(listener);
}

function empty(kind: Exclude<Kind, 'string'>): Value {
  if (kind === 'hash') return { kind, fields: new Map() };
  if (kind === 'set') return { kind, members: new Set() };
  if (kind === 'stream') return { kind, entries: [] };
  return { kind, items: [] };
}

/**
 * MariaDB servers in memory, behind the same port as real ones: read-only flag, sessions, numbered transactions
 * (GTID domain 0, strict order) and replication that moves when it is told to. Every call settles in the same
 * tick; a frozen server is silent at once. Time is a parameter.
 */
import type { History, Link, Look } from '../../src/core/model.ts';
import { ServerError } from '../../src/errors.ts';
import type { Closed, PromotionLock, Server } from '../../src/ports.ts';
import { arm, type Broken, forget, isFree, type Lockable, settle, takeLock } from './fake-lock.ts';

export interface FakeTransaction {
  /** Server where it was first committed. */
  readonly server: number;
  readonly sequence: number;
  readonly value: string;
}

/** A client's session. Calls throw when the server refuses or is gone. */
export interface FakeClient {
  readonly connected: boolean;
  /** Commits one transaction and says which it was. */
  write(value: string): FakeTransaction;
  /** Starts a statement that runs until `finish` or until it is killed. */
  startStatement(): { readonly running: boolean; finish(): void };
  /** Leaves a prepared XA transaction behind. */
  prepareXa(): void;
  /** Ends the prepared XA transactions of this server. */
  endXa(): void;
  end(): void;
}

/** The machine room's view of one server. */
export interface FakeServer {
  readonly address: string;
  readonly id: number;
  readonly state: 'running' | 'frozen' | 'down';
  readonly writable: boolean;
  /** The application's account is locked. */
  readonly locked: boolean;
  /** Somebody's session holds a promotion lock here. */
  readonly isLockHeld: boolean;
  /** When the server closes itself, from now; null: nobody has armed it. It waits for a running statement. */
  readonly closesItselfInMs: number | null;
  /** Everything committed or applied here, in order. */
  readonly log: readonly FakeTransaction[];
  /** Logs in as the application; throws when the server does not answer or the account is locked. */
  connect(): FakeClient;
  /** Process death: sessions end, links are stopped at the next start, what is committed stays. */
  crash(): void;
  restart(): void;
  freeze(): void;
  thaw(): void;
  /** Ends the session that holds a promotion lock, as an administrator's KILL does. */
  killLockSession(): void;
  /**
   * Breaks its connection without telling either side: the server still holds the lock, as long as it is kept and 2 s
   * longer. `answers`: the server hears what is sent, but its answers never come. `both`: nothing goes through.
   */
  breakLockSession(how: Broken): void;
  /** From now on `look`, and with it everything else, is answered by this reason (`faulty`); null ends it. */
  refuseLogins(reason: string | null): void;
}

export interface FakeWorld {
  server(address: string): FakeServer;
  /** A daemon's handle. */
  adapter(address: string, options?: AdapterOptions): Server;
  /** Makes `replica` receive from `source`. */
  link(replica: string, source: string): void;
  /** Moves what the links hold, and a heartbeat: on every link, or on the replica's only. */
  deliver(replica?: string): void;
  /** Received by the replica but not applied: the relay log grows until the next `deliver`. */
  receiveOnly(replica: string): void;
}

export interface AdapterOptions {
  readonly onLost?: () => void;
  /** Configured to lock the application's account (`block_user`); default no. */
  readonly blocks?: boolean;
}

export interface FakeServerOptions {
  readonly address: string;
  readonly writable?: boolean;
  /** read_only in its configuration; default true. */
  readonly startsClosed?: boolean;
}

interface FakeLink {
  readonly source: string;
  io: boolean;
  sql: boolean;
  relay: FakeTransaction[];
  receivedGtid: string;
  heartbeats: number;
  ioError: string;
  sqlError: string;
}

interface Inside extends Lockable {
  readonly id: number;
  readonly startsClosed: boolean;
  locked: boolean;
  startedAtMs: number;
  log: FakeTransaction[];
  slavePos: string;
  prepared: number;
  loginTrouble: string | null;
  readonly sessions: Set<FakeSession>;
  links: FakeLink[];
  handles: Set<() => void>;
}

interface FakeSession {
  readonly number: number;
  connected: boolean;
  running: boolean;
}

/** `nowMs` is the time of the servers; default: it stands still. */
export function createFakeWorld(
  members: readonly FakeServerOptions[],
  nowMs: () => number = () => 0,
): FakeWorld {
  const servers = new Map(
    members.map((member, index) => [member.address, createInside(member, index + 1, nowMs())]),
  );
  const find = (address: string): Inside => {
    const server = servers.get(address);
    if (server === undefined) throw new Error(`no such server in this world: ${address}`);
    return server;
  };
  const move = (replica: Inside, apply: boolean): void => {
    for (const link of replica.links) {
      receive(replica, link, servers.get(link.source));
      if (apply) applyRelay(replica, link);
    }
  };
  return {
    server: (address) => describeServer(find(address), nowMs),
    adapter: (address, options = {}) => createAdapter(find(address), servers, nowMs, options),
    link: (replica, source) => {
      const link = {
        source,
        io: true,
        sql: true,
        relay: [],
        receivedGtid: '',
        heartbeats: 0,
        ioError: '',
        sqlError: '',
      };
      find(replica).links.push(link);
    },
    deliver: (replica) => {
      const replicas = replica === undefined ? [...servers.values()] : [find(replica)];
      for (const one of replicas) move(one, true);
    },
    receiveOnly: (replica) => move(find(replica), false),
  };
}

function createInside(options: FakeServerOptions, id: number, startedAtMs: number): Inside {
  const sessions = new Set<FakeSession>();
  return {
    address: options.address,
    id,
    startsClosed: options.startsClosed ?? true,
    state: 'running',
    writable: options.writable ?? false,
    locked: false,
    startedAtMs,
    log: [],
    slavePos: '',
    prepared: 0,
    loginTrouble: null,
    sessions,
    links: [],
    handles: new Set(),
    locks: [],
    deadMen: [],
    isBusy: () => [...sessions].some((session) => session.running),
  };
}

function describeServer(inside: Inside, nowMs: () => number): FakeServer {
  return {
    address: inside.address,
    id: inside.id,
    get state() {
      return inside.state;
    },
    get writable() {
      settle(inside, nowMs());
      return inside.state !== 'down' && inside.writable;
    },
    get isLockHeld() {
      settle(inside, nowMs());
      return inside.locks.length > 0;
    },
    get closesItselfInMs() {
      settle(inside, nowMs());
      const [deadMan] = inside.deadMen;
      return deadMan === undefined ? null : deadMan.firesAtMs - nowMs();
    },
    get locked() {
      return inside.locked;
    },
    get log() {
      return inside.log;
    },
    connect: () => connect(inside, () => settle(inside, nowMs())),
    crash: () => {
      if (inside.state === 'down') return;
      inside.state = 'down';
      endSessions(inside);
      forget(inside);
      for (const link of inside.links)
        Object.assign(link, { io: false, sql: false, relay: [], receivedGtid: '' });
      for (const lost of [...inside.handles]) lost();
    },
    restart: () => {
      if (inside.state !== 'down') throw new Error(`${inside.address} is running already`);
      inside.state = 'running';
      inside.writable = !inside.startsClosed;
      inside.startedAtMs = nowMs();
    },
    freeze: () => {
      settle(inside, nowMs());
      if (inside.state === 'running') inside.state = 'frozen';
    },
    thaw: () => {
      if (inside.state === 'frozen') inside.state = 'running';
    },
    killLockSession: () => {
      for (const session of inside.locks) session.ended = true;
      settle(inside, nowMs());
    },
    breakLockSession: (how) => {
      settle(inside, nowMs());
      for (const session of inside.locks) session.broken = how;
    },
    refuseLogins: (reason) => {
      inside.loginTrouble = reason;
    },
  };
}

let sessionNumber = 0;

function connect(inside: Inside, settled: () => void): FakeClient {
  if (inside.state !== 'running') throw new Error(`${inside.address} does not answer`);
  if (inside.locked) throw new Error(`the account is locked on ${inside.address}`);
  sessionNumber += 1;
  const session: FakeSession = { number: sessionNumber, connected: true, running: false };
  inside.sessions.add(session);
  const check = (): void => {
    settled();
    if (!session.connected) throw new Error('the connection was lost');
    if (inside.state !== 'running') throw new Error(`${inside.address} does not answer`);
  };
  return {
    get connected() {
      return session.connected;
    },
    write: (value) => {
      check();
      if (!inside.writable) throw new Error(`${inside.address} is running with the --read-only option`);
      const transaction = { server: inside.id, sequence: lastSequence(inside) + 1, value };
      inside.log.push(transaction);
      return transaction;
    },
    startStatement: () => {
      check();
      session.running = true;
      return {
        get running() {
          return session.connected && session.running;
        },
        finish: () => {
          session.running = false;
          settled();
        },
      };
    },
    prepareXa: () => {
      check();
      inside.prepared += 1;
    },
    endXa: () => {
      inside.prepared = 0;
    },
    end: () => {
      session.connected = false;
      inside.sessions.delete(session);
    },
  };
}

function endSessions(inside: Inside): void {
  for (const session of inside.sessions) session.connected = false;
  inside.sessions.clear();
}

function createAdapter(
  inside: Inside,
  servers: ReadonlyMap<string, Inside>,
  nowMs: () => number,
  { onLost, blocks = false }: AdapterOptions,
): Server {
  // As a real handle: nothing is connected, and nothing can be lost, before the first use.
  const lost = (): void => {
    inside.handles.delete(lost);
    onLost?.();
  };
  const held = new Set<PromotionLock>();
  const reach = (): void => {
    settle(inside, nowMs());
    if (inside.state === 'down') throw new ServerError('refused', `${inside.address}: nobody listens there`);
    if (inside.state === 'frozen') throw new ServerError('silent', `${inside.address}: no answer`);
    if (inside.loginTrouble !== null)
      throw new ServerError('faulty', `${inside.address}: ${inside.loginTrouble}`);
    inside.handles.add(lost);
  };
  const linkFrom = (from: string): FakeLink => {
    reach();
    const link = inside.links.find((one) => one.source === from);
    if (link === undefined)
      throw new ServerError('faulty', `${inside.address}: does not replicate from ${from}`);
    return link;
  };
  return {
    address: inside.address,
    look: async () => {
      reach();
      return lookAt(inside, servers, nowMs());
    },
    close: async ({ gentle }) => {
      reach();
      return close(inside, gentle);
    },
    glance: async (lock) => {
      reach();
      const { readOnly, uptimeSeconds } = lookAt(inside, servers, nowMs());
      return { readOnly, lockFree: isFree(inside, lock), uptimeSeconds };
    },
    lock: async (name) => {
      reach();
      const lock = takeLock(inside, name, nowMs);
      if (lock !== null) held.add(lock);
      return lock;
    },
    arm: async (ms) => {
      reach();
      arm(inside, nowMs(), ms);
    },
    disarm: async () => {
      if (inside.state === 'down') return;
      reach();
      inside.deadMen = [];
    },
    tendAccounts: async (how) => {
      const nothing = { changed: [], trouble: '', exceptions: '' };
      if (!blocks) return nothing;
      try {
        reach();
      } catch (error) {
        return { ...nothing, trouble: String(error) };
      }
      if (!how.usable && inside.writable && !how.whileWritable) return nothing;
      const changed = inside.locked === how.usable ? ["'app'@'%'"] : [];
      inside.locked = !how.usable;
      if (inside.locked && how.endSessions) endSessions(inside);
      return { ...nothing, changed };
    },
    stopReceiving: async (from) => {
      linkFrom(from).io = false;
    },
    stopLink: async (from) => {
      Object.assign(linkFrom(from), { io: false, sql: false });
    },
    startLink: async (from) => {
      const link = linkFrom(from);
      // Replication by GTID throws its relay log away when both threads start anew.
      if (!link.io && !link.sql) Object.assign(link, { relay: [], receivedGtid: '' });
      Object.assign(link, { io: true, sql: true, ioError: '', sqlError: '' });
    },
    end: () => {
      inside.handles.delete(lost);
      for (const lock of held) lock.release();
      held.clear();
    },
  };
}

function close(inside: Inside, gentle: boolean): Closed {
  const blocker = [...inside.sessions].find((session) => session.running);
  if (inside.writable && gentle && blocker !== undefined) {
    const detail = `read_only had to wait; waited for connection ${blocker.number} of user app, 1 s in Query (no state)`;
    return { closed: false, detail, history: null };
  }
  inside.writable = false;
  endSessions(inside);
  if (inside.prepared > 0) {
    return {
      closed: false,
      detail: `${inside.prepared} prepared XA transactions can still be committed`,
      history: null,
    };
  }
  inside.deadMen = [];
  return { closed: true, detail: '', history: historyOf(inside) };
}

function lookAt(inside: Inside, servers: ReadonlyMap<string, Inside>, nowMs: number): Look {
  return {
    flavour: 'mariadb',
    version: '10.11.0-MariaDB-fake',
    serverId: inside.id,
    uptimeSeconds: Math.max(0, Math.floor((nowMs - inside.startedAtMs) / 1000)),
    readOnly: !inside.writable,
    clients: inside.sessions.size,
    history: historyOf(inside),
    links: inside.links.map((link) => lookAtLink(inside, link, servers.get(link.source))),
  };
}

function lookAtLink(_inside: Inside, link: FakeLink, source: Inside | undefined): Link {
  const io = !link.io ? 'no' : source === undefined || source.state === 'down' ? 'connecting' : 'yes';
  const sql = link.sql ? 'yes' : 'no';
  return {
    from: link.source,
    fromServerId: source?.id ?? 0,
    io,
    sql,
    lagSeconds: io === 'yes' && link.sql ? (link.relay.length === 0 ? 0 : 1) : null,
    drained: link.relay.length === 0,
    gtid: true,
    heartbeatMs: 500,
    heard: `${link.heartbeats} ${link.receivedGtid}`,
    quietMs: 0,
    ioError: link.ioError,
    sqlError: link.sqlError,
  };
}

function historyOf(inside: Inside): History {
  const last = new Map(inside.log.map((transaction) => [transaction.server, gtid(transaction)]));
  return {
    kind: 'mariadb',
    serverId: inside.id,
    state: [...last.values()].join(','),
    received: inside.slavePos.startsWith(`0-${inside.id}-`) ? '' : inside.slavePos,
  };
}

function gtid(transaction: FakeTransaction): string {
  return `0-${transaction.server}-${transaction.sequence}`;
}

function lastSequence(inside: Inside): number {
  return inside.log.at(-1)?.sequence ?? 0;
}

function receive(replica: Inside, link: FakeLink, source: Inside | undefined): void {
  if (replica.state !== 'running' || !link.io || source?.state !== 'running') return;
  const from = link.receivedGtid || replica.slavePos;
  const known = from === '' ? -1 : source.log.findIndex((transaction) => gtid(transaction) === from);
  if (from !== '' && known < 0) {
    link.io = false;
    link.ioError = `error 1236: the binary log of ${source.address} has no ${from}`;
    return;
  }
  link.heartbeats += 1;
  for (const transaction of source.log.slice(known + 1)) {
    link.receivedGtid = gtid(transaction);
    link.relay.push(transaction);
  }
}

function applyRelay(replica: Inside, link: FakeLink): void {
  if (replica.state !== 'running' || !link.sql) return;
  for (let next = link.relay[0]; next !== undefined; next = link.relay[0]) {
    // Its own transactions come back around the ring and are skipped.
    if (next.server !== replica.id) {
      if (next.sequence <= lastSequence(replica)) {
        link.sql = false;
        link.sqlError = `error 1950: ${gtid(next)} is out of order`;
        return;
      }
      replica.log.push(next);
    }
    replica.slavePos = gtid(next);
    link.relay.shift();
  }
}

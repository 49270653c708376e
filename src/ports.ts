/** The whole outside world on one page. Adapters implement these; fakes in `test/support` pass the same contracts. */
import type {
  AgentReport,
  Answer,
  Event,
  Facts,
  History,
  Leader,
  Lease,
  LegacyCheck,
  Look,
  Request,
  SidecarReport,
  Topology,
} from './core/model.ts';
import type { Told } from './core/notice.ts';

/** Time as one process sees it. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  now(): number;
  /** Milliseconds since 1970, for people and legacy keys only. */
  epochMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Structured log: a constant lower-case sentence, everything variable in `fields`. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** One cluster as Redis holds it. Documents that fail their schema are left out and named in `complaints`. */
export interface ClusterState {
  readonly topology: Topology | null;
  /** The stored text of the topology, byte for byte: what a commit compares with; null when absent. */
  readonly topologyText: string | null;
  /** Something is stored in its place, readable or not: somebody decides. */
  readonly topologyStored: boolean;
  readonly facts: readonly Facts[];
  readonly agents: readonly AgentReport[];
  readonly sidecars: readonly SidecarReport[];
  /** Not expired, oldest first. */
  readonly requests: readonly Request[];
  /** The ancestor's keys as they stand. */
  readonly legacy: LegacyKeys;
  /** Which Redis process answered. */
  readonly incarnation: string;
  /** null: nobody was ever let open, or Redis has lost it. */
  readonly lease: Lease | null;
  /** null: no identify leads. */
  readonly leader: Leader | null;
  /** The clock of Redis, epoch ms: to be compared with nothing but itself. */
  readonly redisNowMs: number;
  readonly complaints: readonly string[];
}

/** The topology as an agent may act on it. */
export interface Orders {
  /** null when absent or refused by its schema. */
  readonly topology: Topology | null;
  /** It was written or confirmed in the Redis process that answered: only then may anybody be opened by it. */
  readonly isCurrent: boolean;
}

/** Who asks for another term of the writer's lease. */
export interface Renewal {
  readonly member: string;
  /** Id of the agent. */
  readonly agent: string;
  readonly generation: number;
  /** The server closes itself when this agent dies. false takes that back. */
  readonly armed: boolean;
}

/**
 * What Redis says to that. `lost`: a higher generation exists, or this one was given up; final. `foreign`: another
 * agent holds the lease. `unknown`: Redis knows nothing of this generation (empty, older), as good as no answer.
 */
export type Grant =
  | { readonly says: 'granted' }
  | { readonly says: 'lost'; readonly generation: number }
  | { readonly says: 'foreign'; readonly agent: string; readonly counter: number }
  | { readonly says: 'unknown' };

/** `mysql-S-mode`, `-master`, `-servicemode`, `-primaryhost`, `-secondaryhost`, `-members`; null/empty when absent or of a wrong type. */
export interface LegacyKeys {
  readonly active: string | null;
  readonly passive: string | null;
  readonly masterHost: string | null;
  readonly masterGeneration: string | null;
  /** Epoch ms, for people. */
  readonly masterSince: string | null;
  readonly servicemode: string | null;
  readonly primaryhost: string | null;
  readonly secondaryhost: string | null;
  readonly members: readonly string[];
}

/** A change of the topology with everything that must happen with it, atomically or not at all. */
export interface Commit {
  /** The stored text this change was decided on. */
  readonly basedOn: string | null;
  readonly next: Topology;
  readonly events: readonly Event[];
  /** Writes mode and master for this pair. `sinceEpochMs` is for people. */
  readonly legacy: {
    readonly active: string;
    readonly passive: string;
    readonly sinceEpochMs: number;
  } | null;
  /** Also publish the ancestor's message on `topic`. */
  readonly announceOn: string | null;
  /** Id of a request this change carries out: the change is refused when it was withdrawn meanwhile. */
  readonly takes: string | null;
  readonly answers: readonly Answer[];
}

export interface StoredEvent extends Event {
  /** Stream id, `<epoch ms>-<n>`: Redis' own clock. */
  readonly at: string;
}

/** What a hint is about. `announced`: the ancestor's message named the cluster. */
export type Hint = 'topology' | 'facts' | 'report' | 'request' | 'announced' | 'reconnected';

/** Redis, in the domain's words. Every method rejects with HubError within the command timeout. */
export interface Hub {
  clusters(): Promise<readonly string[]>;
  read(uniqsign: string): Promise<ClusterState>;
  /** Just the topology: null when absent or refused by its schema. */
  readTopology(uniqsign: string): Promise<Topology | null>;
  /** The topology, and whether it may be acted on. */
  readOrders(uniqsign: string): Promise<Orders>;
  /**
   * Asks for one more term. Granted while the topology has this generation and `member` is its writer, or is
   * being opened; nobody else may have renewed it, nor this agent have released it.
   */
  renewLease(uniqsign: string, renewal: Renewal): Promise<Grant>;
  /** Gives the lease of this generation up for good. False when it is not this agent's any more. */
  releaseLease(uniqsign: string, renewal: Omit<Renewal, 'armed'>): Promise<boolean>;
  /**
   * Says that `id` is there to decide, and who leads: `id` itself when nobody does, when it led already, or when
   * the leader's counter is still `takeFrom`.
   */
  lead(uniqsign: string, id: string, takeFrom: number | null): Promise<Leader>;
  /** Leads no more; nothing happens when it does not lead. */
  resign(uniqsign: string, id: string): Promise<void>;
  /** `stale`: somebody changed the topology first. `withdrawn`: the request is gone. */
  commit(change: Commit): Promise<'committed' | 'stale' | 'withdrawn'>;
  /**
   * Brings every legacy key that differs to these values, leaving alone what is null or empty, and keeps the
   * cluster in the list of clusters; says which keys were repaired. Fields of others are left alone: a newer
   * version may have more of them.
   */
  repairLegacy(uniqsign: string, wanted: LegacyKeys): Promise<readonly string[]>;
  putFacts(facts: Facts): Promise<void>;
  putCheck(uniqsign: string, address: string, check: LegacyCheck): Promise<void>;
  readChecks(uniqsign: string, addresses: readonly string[]): Promise<ReadonlyMap<string, LegacyCheck>>;
  putAgentReport(uniqsign: string, report: AgentReport): Promise<void>;
  putSidecarReport(uniqsign: string, report: SidecarReport): Promise<void>;
  putEvent(uniqsign: string, event: Event): Promise<void>;
  /** Newest last. */
  events(uniqsign: string, count: number): Promise<readonly StoredEvent[]>;
  /** Valid for `ttlMs` by Redis' clock; never carried out later. */
  putRequest(uniqsign: string, request: Request, ttlMs: number): Promise<void>;
  /** True when it was still there: it will not be carried out. */
  withdraw(uniqsign: string, id: string): Promise<boolean>;
  /** Answers requests without a change of the topology. */
  answer(uniqsign: string, answer: Answer): Promise<void>;
  readAnswer(uniqsign: string, id: string): Promise<Answer | null>;
  /**
   * Calls back on every hint until `signal` aborts, with `topic` also on the ancestor's messages there. Hints
   * may be lost: callers poll too.
   */
  watch(
    uniqsigns: readonly string[],
    onHint: (uniqsign: string, hint: Hint) => void,
    signal: AbortSignal,
    topic?: string,
  ): Promise<void>;
  close(): Promise<void>;
}

/** What closing a server came to. */
export interface Closed {
  readonly closed: boolean;
  /** Why not; empty when closed. */
  readonly detail: string;
  /** After the proof. */
  readonly history: History | null;
}

/** What is wished of the accounts of applications on one server. */
export interface TendOptions {
  /** On the writer; elsewhere they are locked. */
  readonly usable: boolean;
  /**
   * Locks on a writable server too, which is about to be closed. Otherwise such a server is left alone: somebody
   * else has opened it since the last look, and applications write to it.
   */
  readonly whileWritable: boolean;
  /** Users that are never locked, besides our own, replicas and whoever administers accounts. */
  readonly spare: readonly string[];
  /** Also ends the open sessions of locked accounts: locking alone does not. */
  readonly endSessions: boolean;
  readonly withinMs: number;
}

export interface Tended {
  /** Accounts changed just now. */
  readonly changed: readonly string[];
  /** Why some are not as wished, with what to do; empty when all are. */
  readonly trouble: string;
  /** Accounts that match but cannot or must not be locked, with the reason; empty when there are none. */
  readonly exceptions: string;
}

/** One MySQL/MariaDB server. Methods reject with ServerError, each within its own bound. */
export interface Server {
  readonly address: string;
  /**
   * `known`: the last histories of the other members. By file and position, without GTID, a server can tell only
   * against them what it wrote itself.
   */
  look(timeoutMs: number, known?: readonly History[]): Promise<Look>;
  /**
   * Sets read-only and ends every application session that was there before, then proves it.
   * `gentle` lets running statements end (bounded by `withinMs`) instead of killing them, and leaves the
   * server open when they do not. Idempotent.
   */
  close(options: {
    readonly gentle: boolean;
    readonly withinMs: number;
    readonly known?: readonly History[];
  }): Promise<Closed>;
  /** The few things a lease needs to know, cheaply. `lock`: name of the promotion lock (`lockName`). */
  glance(lock: string, timeoutMs: number): Promise<Glance>;
  /**
   * Takes the promotion lock in a session of its own that is never replaced: whoever lost it lost the lock. null:
   * somebody else holds it. Nothing but this lock ever opens the server.
   */
  lock(name: string, timeoutMs: number): Promise<PromotionLock | null>;
  /**
   * Leaves a statement sleeping in the server that sets read-only after `ms`, unless it is replaced (by the next
   * `arm`) or taken back (`disarm`) before: the server closes itself when its agent dies or freezes. Resolves
   * when it is seen to run; every one before it, also of an earlier process of our account, is ended only then.
   * When it rejects, assume that the one before is still in force. To be armed before each opening: one that was left
   * from before would close the server again. Setting read-only waits for statements that run at that moment.
   */
  arm(ms: number): Promise<void>;
  /**
   * Ends what `arm` has left in the server, whichever process did, and resolves when it is gone; also when the server
   * is. A proven `close` does the same.
   */
  disarm(): Promise<void>;
  /**
   * Makes the accounts that the configuration chooses (`block_user`, `block_host`) usable, or locks them, one at a
   * time and never by way of the binary log. Idempotent. Never rejects. Without a choice it asks the server nothing.
   */
  tendAccounts(options: TendOptions): Promise<Tended>;
  /** Stops receiving from `from`, keeps applying. */
  stopReceiving(from: string): Promise<void>;
  stopLink(from: string): Promise<void>;
  startLink(from: string): Promise<void>;
  /** Lets go of every connection. */
  end(): void;
}

export interface Glance {
  readonly readOnly: boolean;
  /** Nobody holds the promotion lock. */
  readonly lockFree: boolean;
  readonly uptimeSeconds: number;
}

/** The promotion lock of one server, held by one session. The server lets go of it within about 2 s after our death. */
export interface PromotionLock {
  /** Asks whether it is still ours, which also keeps it. Once false, for ever false. Never rejects. */
  keep(): Promise<boolean>;
  /**
   * Clears read-only by one statement that the server itself refuses when the lock is not this session's any more,
   * or when it arrives more than 1.5 s after `stillWanted` was asked. True when the server then reads back as
   * writable. False, and closed: not wanted (no answer is a no), late, or the lock was lost before it was sent.
   * Rejects with ServerError when it is not known what happened, or when the server refuses it for another reason.
   * Arm the server before (`Server.arm`).
   */
  open(stillWanted: () => Promise<boolean>): Promise<boolean>;
  /** Lets go at once. */
  release(): void;
}

/** A process of a database server: `startedAt` tells it from a later one with the same pid. */
export interface ServerProcess {
  readonly pid: number;
  readonly startedAt: string;
}

/** The database server on this machine, as an operating system sees it. Methods reject with MmmError. */
export interface LocalServer {
  /** The process that serves now; null: cannot be told (another container, no pid file). */
  find(): Promise<ServerProcess | null>;
  /** That process is no more (or a zombie), and nobody accepts connections on its address or socket. */
  isGone(process: ServerProcess): Promise<boolean>;
  /** Ends that very process with SIGKILL; resolves when it is gone. */
  kill(process: ServerProcess, withinMs: number): Promise<void>;
  /** Whether it starts read-only, from its option files and its command line; null: cannot be told. */
  startsClosed(process: ServerProcess): Promise<boolean | null>;
}

/** How a server is reached. */
export type ServerFactory = (address: string) => Server;

/** Remembers, across restarts, what must never be forgotten. Writes are durable when they resolve. */
export interface Memory {
  /** Highest generation seen for a cluster; 0 at first. */
  floor(uniqsign: string): number;
  raise(uniqsign: string, generation: number): Promise<void>;
  /** The generation at which this program last opened `address`; 0 when never. */
  spent(uniqsign: string, address: string): number;
  spend(uniqsign: string, address: string, generation: number): Promise<void>;
  /** The last topology that was kept, for a start without Redis; null when none. */
  kept(uniqsign: string): Topology | null;
  keep(topology: Topology): Promise<void>;
  /** Every cluster remembered. */
  clusters(): readonly string[];
}

/** A mail on its way. */
export interface Letter {
  /** The same news has the same id wherever it is written: a mail that comes twice can be told. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  /** Who has not got it yet; null: everybody. */
  readonly to: readonly string[] | null;
  readonly writtenAtEpochMs: number;
}

/** What was told of a cluster by mail, and what waits to be sent, oldest first. */
export interface Post {
  readonly told: Told;
  readonly waiting: readonly Letter[];
}

/** Remembers the post of every cluster across restarts. */
export interface Mailbox {
  /** null: the cluster was never seen. */
  read(uniqsign: string): Post | null;
  /** `read` returns it at once; resolves when it survives a power cut. */
  write(uniqsign: string, post: Post): Promise<void>;
}

/**
 * What became of a letter. `refused`: receivers the server did not take it for, `forNow` when it may later.
 * `isAnswer`: the server spoke, and refused this letter; otherwise no other letter would fare better. `forGood`: it
 * refused the letter for everybody, and will again.
 */
export type Delivery =
  | {
      readonly ok: true;
      readonly refused: readonly { readonly to: string; readonly why: string; readonly forNow: boolean }[];
    }
  | { readonly ok: false; readonly why: string; readonly isAnswer: boolean; readonly forGood: boolean };

/** Hands letters to a mail server, each within its own bound. Never rejects. */
export interface Postman {
  send(letter: Letter, signal: AbortSignal): Promise<Delivery>;
}

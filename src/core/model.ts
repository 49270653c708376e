/**
 * Every document that crosses a process, as a zod schema and its type (keys: `src/hub/keys.ts`).
 *
 * - Facts: what a monitor saw. Reports: what an agent or a sidecar did. Topology: what identify decided.
 * - Durations are milliseconds measured by the writer's own stopwatch. No two clocks are ever compared.
 * - `generation` is the fencing token: it grows by one with every handover and never falls.
 *   `step` counts the changes within one generation.
 */
import { z } from 'zod';
import { isAddress } from './address.ts';

const count = z.int().min(0);
const text = z.string().max(4096);
/** Hundreds of domains and servers, still far below the limit of a document. */
const gtids = z.string().max(16_384);

/** `host:port` of a member. */
export const Address = z.string().max(262).refine(isAddress, 'not a host:port address');
/** What names a cluster in every key. */
export const Uniqsign = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/);
/** Id of a daemon or a request. */
export const Id = z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/);
/** A cluster's section name. */
export const Tag = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** An end of a transaction in one server's binary log. */
export const Place = z.object({ file: z.string().max(512), pos: count });
export type Place = z.infer<typeof Place>;

/**
 * All transactions a server holds. MariaDB: `state` is gtid_binlog_state (the last transaction of each
 * server in each domain), `received` is gtid_slave_pos. MySQL: `executed` is gtid_executed. MySQL without GTID
 * (`binlog`): how far it has applied each other server's binary log, and where its own has what it wrote itself.
 */
export const History = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('mariadb'),
    state: gtids,
    received: gtids,
    /** Whose history it is; absent: not known. */
    serverId: count.optional(),
  }),
  z.object({
    kind: z.literal('mysql'),
    executed: gtids,
    /** Of this server itself; empty: not known. */
    uuid: z.string().max(64).default(''),
  }),
  z.object({
    kind: z.literal('binlog'),
    serverId: count,
    /** As the configuration spells it. */
    address: z.string().max(262),
    /** Of its own binary log. */
    end: Place,
    /**
     * What it wrote itself behind `after` (which its peer had applied): the last one ends at `end`. Searched up to
     * `checked`. `count` null: not counted, because it is or just was writable. null: it cannot be told.
     */
    own: z.object({ after: Place, count: count.nullable(), end: Place, checked: Place }).nullable(),
    /** Why `own` cannot be told; else empty. */
    unknown: text,
    /** Its peer has applied its binary log up to here, and it does not reach that far: it lost its end. */
    lost: Place.nullable(),
    /** How far the binary log of each source is applied, by its server_id (where known) and by its address. */
    applied: z.record(z.string().max(262), Place),
  }),
]);
export type History = z.infer<typeof History>;

/** A member's replica side: one channel and how it is doing. */
export const Link = z.object({
  /** Address of the source, as the server spells it. */
  from: z.string().max(262),
  /** server_id of the source; 0 when it has never been connected. */
  fromServerId: count,
  io: z.enum(['yes', 'no', 'connecting']),
  sql: z.enum(['yes', 'no']),
  /** null is unknown, never zero. */
  lagSeconds: z.number().min(0).nullable(),
  /** Everything received has been applied. */
  drained: z.boolean(),
  /** Replicates by GTID. */
  gtid: z.boolean(),
  heartbeatMs: count,
  /** Changes whenever an event or a heartbeat arrives. */
  heard: text,
  /** How long `heard` has stood still (monitor's stopwatch; 0 in an agent's look). */
  quietMs: z.number().min(0),
  /** Last error of the receiving thread; stays after it was stopped. */
  ioError: text,
  /** Last error of the applying thread. */
  sqlError: text,
});
export type Link = z.infer<typeof Link>;

/** What stands in the way of closing a writable server in an orderly way. */
export const Hazards = z.object({
  /** The transaction that has been open the longest; null: none. */
  longest: z.object({ session: count, user: z.string().max(256), seconds: count }).nullable(),
  /** XA transactions that are prepared and neither committed nor rolled back; null: the account may not see them. */
  prepared: count.nullable(),
});
export type Hazards = z.infer<typeof Hazards>;

/** One look at a reachable server. */
export const Look = z.object({
  flavour: z.enum(['mariadb', 'mysql']),
  version: z.string().max(128),
  serverId: count,
  uptimeSeconds: count,
  readOnly: z.boolean(),
  /** Application sessions, counted as the ancestor does (`conn_nums`). */
  clients: count,
  history: History,
  links: z.array(Link).max(64),
  /** Only of a writable server; absent: not known, or not asked for. */
  hazards: Hazards.optional(),
});
export type Look = z.infer<typeof Look>;

/**
 * One member as a monitor sees it.
 * `up` answered; `refused` nobody listens; `silent` no answer in time;
 * `faulty` is alive but will not let us look (wrong password, too many connections, TLS ...).
 */
export const Probe = z.object({
  status: z.enum(['up', 'refused', 'silent', 'faulty']),
  /** How long it has been in this status. */
  forMs: z.number().min(0),
  /** Probes in a row that were refused or silent. */
  failures: count,
  /** Why it is not `up`, with what to do; empty when up. */
  reason: text,
  look: Look.nullable(),
});
export type Probe = z.infer<typeof Probe>;

/** `mysql-S-facts-<id>`: what monitor `id` saw. */
export const Facts = z.object({
  v: z.literal(1),
  id: Id,
  uniqsign: Uniqsign,
  seq: count,
  members: z.record(Address, Probe),
});
export type Facts = z.infer<typeof Facts>;

/** What agents and sidecars need to know of the configuration. Milliseconds unless named otherwise. */
export const Policy = z.object({
  fencing: z.enum(['routed', 'strict', 'none']),
  probeIntervalMs: count,
  confirmMs: count,
  silenceMs: count,
  freezeMs: count,
  tryTimes: count,
  maxLagMs: count,
  catchupMs: count,
  writePauseMs: count,
  /** null: any number may be lost in a crash failover (it is reported). */
  maxLostTransactions: count.nullable(),
  /** `auto`: after a failover primaryhost becomes the writer again by itself. */
  failback: z.enum(['manual', 'auto']).default('manual'),
  /** A member that went offline so often within `flapMs` is flapping. */
  flapCount: z.int().min(1).default(3),
  flapMs: count.default(3_600_000),
  /** How long primaryhost must have been online before an automatic failback; 0: never by itself. */
  autoSetOnlineMs: count.default(60_000),
  /** The account of mmm-monitor, which agents never lock; empty: not known. */
  monitorUser: z.string().max(128).default(''),
  /** Term of the writer's lease (`lease_ttl`); every other time of the lease follows from it (`core/lease.ts`). */
  leaseMs: count.default(5000),
  /** At most one automatic failover within this time, unless the server it opened has died for certain. */
  failoverCooldownMs: count.default(600_000),
});
export type Policy = z.infer<typeof Policy>;

export const MemberState = z.enum([
  'online',
  'offline',
  'diverged',
  'flapping',
  'recovering',
  'maintenance',
  'unknown',
]);
export type MemberState = z.infer<typeof MemberState>;

/** A member's place in the topology. */
export const Member = z.object({
  address: Address,
  role: z.enum(['writer', 'standby']),
  kind: z.enum(['master', 'replica']),
  state: MemberState,
  /** Only when diverged: transactions it has and the writer lacks, or (`lost`) that it wrote once and lacks itself. */
  extra: z.object({ count, list: text, lost: z.literal(true).optional() }).optional(),
  /** Only in maintenance: whose, and until when (clock of Redis, epoch ms; null: until `set_online`). */
  maintenance: z.object({ by: z.string().max(256), untilMs: count.nullable() }).optional(),
});
export type Member = z.infer<typeof Member>;

/** A replication link that must stay stopped. */
export const Parked = z.object({ on: Address, from: Address });
export type Parked = z.infer<typeof Parked>;

export const Kind = z.enum(['bootstrap', 'failover', 'switchover', 'undo', 'reopen']);
export type Kind = z.infer<typeof Kind>;

export const Phase = z.enum(['stable', 'closing', 'opening', 'halted']);
export type Phase = z.infer<typeof Phase>;

/** Why it is certain (or accepted) that the old writer is closed: gates (a) to (f); `b-weak` is (b)
 * for a server that is not known to start closed; `operator`: a person vouched for it. */
export const Proof = z.enum(['a', 'b', 'b-weak', 'c', 'd', 'e', 'f', 'operator']);
export type Proof = z.infer<typeof Proof>;

/** A request being carried out. */
const RequestRef = z.object({ id: Id, verb: z.string().max(32), by: z.string().max(256) });

/** What the person who asked for a failover answers for; it ends with the handover. */
const Vouched = z.object({
  by: z.string().max(256),
  /** That the old writer is off or cut off: it need not be proven (`--force`). */
  closed: z.boolean(),
  /** Whatever is lost (`--accept-loss`). */
  loss: z.boolean(),
});
export type Vouched = z.infer<typeof Vouched>;

/** `mysql-S-topology`: the decision everybody follows. Changed only by compare-and-set. */
export const Topology = z.object({
  v: z.literal(1),
  uniqsign: Uniqsign,
  tag: Tag,
  generation: z.int().min(1),
  step: count,
  phase: Phase,
  kind: Kind,
  reason: text,
  /** The member to be closed; null when nobody was open. */
  from: Address.nullable(),
  /** The member to be opened. */
  to: Address.nullable(),
  /** Who takes writes; null during a handover and when halted. */
  writer: Address.nullable(),
  members: z.array(Member).min(1).max(64),
  parked: z.array(Parked).max(64),
  proof: Proof.nullable(),
  /** What the old writer held when it was closed (planned handovers): the new one must hold it too. */
  position: History.nullable(),
  /** Sidecars that route to this cluster: each must have cut the old writer for gate (e). */
  sidecars: z.array(Id).max(1024),
  /** Whether a sidecar has ever been registered: forbids gate (f) under `routed`. */
  routedBySidecars: z.boolean(),
  /** The writer is where it is because of a failover nobody asked for: `failback=auto` may undo only that. */
  failedOver: z.boolean().default(false),
  /** This handover was begun at a person's request, also when it went on as a failover. */
  asked: z.boolean().default(false),
  /** Attempts to give the role back to primaryhost that were undone, in a row. */
  undoneFailbacks: count.default(0),
  /** No change of writer is made on its own while set. */
  paused: z
    .object({
      by: z.string().max(256),
      /** It ends by itself then (clock of Redis, epoch ms); null: with `resume` alone. */
      untilMs: count.nullable().default(null),
    })
    .nullable(),
  vouched: Vouched.nullable().default(null),
  /** The Redis process it was last confirmed in: nobody opens by a decision that another one has kept. */
  incarnation: z.string().max(64),
  /**
   * This handover was begun anew after Redis was restarted: the process in which the old writer's lease became final
   * (from `closing` on nobody could renew it). Empty: it was not, or that lease proves nothing.
   */
  leaseIncarnation: z.string().max(64).default(''),
  request: RequestRef.nullable(),
  /** The longest term of a lease that may still be held from earlier generations; 0: the policy's own. */
  heldMs: count.default(0),
  /** The last failover nobody asked for. `atMs`: of the clock of Redis. */
  lastFailover: z.object({ to: Address, atMs: count }).nullable().default(null),
  /** The failover whose loss is not known yet: its old writer has not been back to be compared. */
  unknownLoss: z.object({ generation: count, from: Address }).nullable().default(null),
  policy: Policy,
});
export type Topology = z.infer<typeof Topology>;

/**
 * What an agent last did with a member. `closed`, `opened` and `gone` name the generation they are true for. `gone`:
 * the agent beside it has seen that its process is no more, that it starts closed, and will not open it again at
 * this generation.
 */
const Deed = z.enum([
  'watching',
  'closing',
  'closed',
  'close-failed',
  'opening',
  'opened',
  'open-failed',
  'unreachable',
  'gone',
]);
export type Deed = z.infer<typeof Deed>;

export const MemberReport = z.object({
  generation: count,
  step: count,
  did: Deed,
  /** Why not, in words; empty when it went well. */
  detail: text,
  look: Look.nullable(),
  /** Whether the server is known to start read-only; null = not known yet. */
  startsClosed: z.boolean().nullable(),
  /** How long the deed took. */
  tookMs: z.number().min(0),
  /** Why accounts of applications could not be locked or released (`block_user`), with what to do; empty: all well. */
  accounts: text.default(''),
  /** The agent sits beside the server (`this`): it holds its lease, and knows its process. */
  local: z.boolean().default(false),
  /** How long it has held the promotion lock on this server without a break (agent's stopwatch); 0: not held. */
  lockedMs: z.number().min(0).default(0),
  /** Term of the lease that the agent holds on it; 0: none. */
  termMs: z.number().min(0).default(0),
});
export type MemberReport = z.infer<typeof MemberReport>;

/** `mysql-S-agent-<id>`: what an agent did. The top level repeats its latest deed. */
export const AgentReport = z.object({
  v: z.literal(1),
  id: Id,
  serves: z.array(Address).max(64),
  generation: count,
  step: count,
  /** Highest generation ever seen. */
  floor: count,
  did: Deed,
  position: History.nullable(),
  seq: count,
  members: z.record(Address, MemberReport),
  /** Keeps the applications' accounts blocked on every member but the writer. */
  blocks: z.boolean().default(false),
});
export type AgentReport = z.infer<typeof AgentReport>;

/** What a sidecar did last: `cut` the old writer, `routed` to the new one, or it is still trying. */
export const SidecarDeed = z.enum(['watching', 'cut', 'routed', 'failed']);

/** `mysql-S-sidecar-<id>`: what a sidecar did for this cluster. */
export const SidecarReport = z.object({
  v: z.literal(1),
  id: Id,
  /** Members it can cut off; empty when it merely writes files: nobody need wait for its cut. */
  serves: z.array(Address).max(64),
  generation: count,
  step: count,
  floor: count,
  did: SidecarDeed,
  /** Says goodbye: may be taken off the register. */
  leaving: z.boolean(),
  detail: text,
  /** From first sight of this generation and phase to done. */
  tookMs: z.number().min(0),
  targets: z
    .array(z.object({ name: z.string().max(128), ok: z.boolean(), detail: text, tookMs: z.number().min(0) }))
    .max(1024),
  seq: count,
});
export type SidecarReport = z.infer<typeof SidecarReport>;

/**
 * `mysql-S-lease`, a hash: the writer's right to take writes. identify writes holder and generation when it lets
 * somebody open; only the holder's agent bumps the counter. It never expires.
 */
export const Lease = z.object({
  holder: Address,
  generation: count,
  /** Grows with each renewal. */
  counter: count,
  /** Id of the agent that renews it; empty: not renewed yet. */
  agent: z.string().max(128),
  /** As of the last renewal: the server closes itself when its agent dies. */
  armed: z.boolean(),
  /** The holder's agent has given this generation up for good: its process is gone and starts closed. */
  released: z.boolean(),
  /** The Redis process it was written in. */
  incarnation: z.string().max(64),
});
export type Lease = z.infer<typeof Lease>;

/** `mysql-S-leader`, a hash: which identify decides. */
export interface Leader {
  readonly id: string;
  /** Grows with each sign of life. */
  readonly counter: number;
  /** Since its last sign of life, by the clock of Redis. */
  readonly ageMs: number;
}

/** A field of `mysql-S-requests`: something an operator asks for. */
export const Request = z.object({
  v: z.literal(1),
  id: Id,
  verb: z.enum(['switchover', 'failover', 'pause', 'resume', 'set_offline', 'set_online', 'forget']),
  /** switchover, failover: the new writer; null = the best standby. */
  to: Address.nullable(),
  /** forget: the id of the sidecar. */
  sidecar: Id.nullable(),
  /** set_offline, set_online: which member. */
  member: Address.nullable().default(null),
  /** pause, set_offline: for how long, in ms; null = until it is taken back. */
  forMs: count.nullable().default(null),
  /** failover: the old writer is off, says whoever asks. */
  force: z.boolean().default(false),
  /** failover: whatever is lost. */
  acceptLoss: z.boolean().default(false),
  by: z.string().max(256),
});
export type Request = z.infer<typeof Request>;

/** What became of a request. */
export const Answer = z.object({
  v: z.literal(1),
  id: Id,
  ok: z.boolean(),
  detail: text,
  generation: count,
});
export type Answer = z.infer<typeof Answer>;

/** An entry of `mysql-S-events`, all strings; `id` is the stream's. */
export interface Event {
  readonly kind: string;
  readonly generation: number;
  readonly phase: string;
  readonly from: string;
  readonly to: string;
  readonly proof: string;
  readonly reason: string;
  /** Transactions lost or at risk, in words; empty when none. */
  readonly loss: string;
  /** Milliseconds, or empty. */
  readonly took: string;
  /** Program and id. */
  readonly by: string;
}

/** The legacy hash `mysql-S-HOST:PORT-check`, as the ancestor writes it. */
export interface LegacyCheck {
  readonly ping: '1' | '0';
  readonly repl_check: string;
  readonly read_only: string;
  readonly delay_sec: string;
  readonly conn_nums: string;
  readonly last_check: string;
}

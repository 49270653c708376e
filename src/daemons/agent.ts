/**
 * mmm-agent: makes the servers obey. Follows the topology of every cluster it serves, one keeper per
 * member, and reports what it did. Without a topology freshly read from Redis it touches nothing, but for the
 * servers on its own machine (`locals`), which it closes when their lease ends.
 */
import type { Look, Topology } from '../core/model.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Hub, Log, Memory, Server, ServerFactory } from '../ports.ts';
import { createAgentReports, REPORT_MS } from './agent-reports.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { createLeaseKeeper, type LeaseKeeper, type Local } from './lease-keeper.ts';
import { createLockHolder, type LockHolder } from './lock-holder.ts';
import { createNeighbours } from './neighbours.ts';

export interface Agent {
  /** Members to be kept right now, by cluster; those outside the allow-list are left out (and named in the log). */
  members(): Promise<readonly { readonly uniqsign: string; readonly address: string }[]>;
  /** One pass over one member; resolves with how long to wait for the next. */
  keep(uniqsign: string, address: string): Promise<number>;
  /** The leases of the servers on this machine; each has loops of its own. */
  readonly leases: readonly LeaseKeeper[];
  end(): void;
}

export interface AgentOptions {
  readonly id: string;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  readonly servers: ServerFactory;
  /** Only these addresses are ever logged in to; null: any address a topology names. */
  readonly allowed: readonly string[] | null;
  /** Only these tags; empty: every cluster. */
  readonly tags: readonly string[];
  readonly startsClosed: boolean | null;
  /** Looks in a row that may fail before it is worth a warning. */
  readonly attempts: number;
  /** Whether accounts are blocked on closed members (`block_user`); default no. */
  readonly blocks?: boolean;
  /** The servers on this machine; with any the agent serves no others. */
  readonly locals?: readonly Local[];
}

/** While a handover is under way a lost hint must not cost a second. */
const HANDOVER_MS = 100;

/** What the agent has for one member. */
interface Kept {
  readonly keeper: Keeper;
  readonly lock: LockHolder;
  readonly lease: LeaseKeeper | null;
  readonly leftTo: () => string | null;
}

export function createAgent(options: AgentOptions): Agent {
  const { id, hub, clock, memory, log, startsClosed, tags } = options;
  const blocks = options.blocks ?? false;
  const kept = new Map<string, Kept>();
  const reports = createAgentReports({ id, blocks, hub, clock, memory });
  const neighbours = createNeighbours(id, clock);
  const refused = new Set<string>();
  const stray = new Set<string>();
  const servers = new Map<string, Server>();
  const leases = (options.locals ?? []).map((local) =>
    createLeaseKeeper({ ...{ id, hub, clock, memory, log, tags, startsClosed, local }, others: otherServer }),
  );

  async function members(): Promise<readonly { uniqsign: string; address: string }[]> {
    const found: { uniqsign: string; address: string }[] = [];
    const seen = new Set<string>();
    for (const uniqsign of await hub.clusters()) {
      const state = await hub.read(uniqsign);
      const t = state.topology;
      if (t !== null) seen.add(t.tag);
      if (t === null || (tags.length > 0 && !tags.includes(t.tag))) continue;
      neighbours.note(uniqsign, state);
      for (const { address, kind } of t.members) {
        if (kind === 'master' && isServed(address) && isAllowed(t, address))
          found.push({ uniqsign, address });
      }
    }
    nameStrayTags([...seen]);
    return [...found, ...remembered(found)];
  }

  function isServed(address: string): boolean {
    return leases.length === 0 || leases.some((lease) => lease.address === address);
  }

  /** Redis may have forgotten the cluster of a server on this machine: what is true of it is told all the same. */
  function remembered(
    found: readonly { readonly address: string }[],
  ): readonly { uniqsign: string; address: string }[] {
    return leases.flatMap((lease) => {
      const { address } = lease;
      const uniqsign = lease.uniqsign();
      return uniqsign === null || found.some((one) => one.address === address) ? [] : [{ uniqsign, address }];
    });
  }

  /** The agent's file names no tags: a misspelt one can only be seen here. Nothing is said while there is no cluster. */
  function nameStrayTags(found: readonly string[]): void {
    if (found.length === 0) return;
    for (const tag of tags.filter((one) => !found.includes(one) && !stray.has(one))) {
      stray.add(tag);
      log.warn({ tag, found }, 'no cluster in redis has this tag: it is not served');
    }
  }

  function isAllowed(t: Topology, address: string): boolean {
    if (options.allowed === null || options.allowed.includes(address)) return true;
    if (!refused.has(address)) {
      refused.add(address);
      log.error({ tag: t.tag, member: address }, 'refused an address that is not in [mysql] members');
    }
    return false;
  }

  async function keep(uniqsign: string, address: string): Promise<number> {
    const member = keptOf(uniqsign, address);
    const orders = await hub.readOrders(uniqsign);
    const t = orders.topology;
    if (t === null || t.generation < memory.floor(uniqsign)) return watch(uniqsign, address, t);
    if (!t.members.some((m) => m.address === address)) {
      member.lock.release();
      return REPORT_MS;
    }
    member.lease?.see(t);
    // A full disk must not keep a deed from being told; what opens a server is remembered on its own.
    const remembering = remember(member, t).catch((err: unknown) => {
      log.error({ uniqsign, err }, 'cannot remember the generation: is the state directory writable?');
    });
    // Both talk to the server, and clients may be waiting.
    const locking = member.leftTo() === null ? member.lock.follow(uniqsign, orders) : member.lock.release();
    const report = await member.keeper.step(t);
    await locking;
    // In a handover the disk is not waited for: the next step has come by then.
    if (t.phase === 'stable') await remembering;
    reports.note(uniqsign, address, report);
    await reports.publish(uniqsign, t);
    return t.phase === 'stable' ? REPORT_MS : HANDOVER_MS;
  }

  /** What is needed for opening goes to the disk together: it costs one wait. */
  async function remember({ lease, leftTo }: Kept, t: Topology): Promise<void> {
    const isToOpen = t.phase === 'opening' && t.to === lease?.address && leftTo() === null;
    await Promise.all([memory.raise(t.uniqsign, t.generation), isToOpen ? memory.keep(t) : null]);
  }

  /** Redis has lost the topology, or holds one older than the one seen before. */
  async function watch(uniqsign: string, address: string, t: Topology | null): Promise<number> {
    const { lock, keeper } = keptOf(uniqsign, address);
    if (t !== null)
      log.debug({ uniqsign, generation: t.generation }, 'ignored a topology older than the one seen before');
    lock.release();
    const report = await keeper.watch(memory.floor(uniqsign));
    if (report !== null) reports.note(uniqsign, address, report);
    await reports.publish(uniqsign, t);
    return REPORT_MS;
  }

  function serverOf(address: string): Server {
    const server = servers.get(address) ?? options.servers(address);
    servers.set(address, server);
    return server;
  }

  /** One of those it does not keep, perhaps: only to be looked at. */
  function otherServer(address: string): Server {
    if (options.allowed === null || options.allowed.includes(address)) return serverOf(address);
    throw new ServerError('faulty', `${address} is not in [mysql] members: it is not logged in to`);
  }

  function keptOf(uniqsign: string, address: string): Kept {
    const key = `${uniqsign} ${address}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = makeKept(uniqsign, address);
    kept.set(key, made);
    return made;
  }

  function makeKept(uniqsign: string, address: string): Kept {
    const lease = leases.find((one) => one.address === address) ?? null;
    const own = { server: serverOf(address), clock, log: log.child({ uniqsign }) };
    const lock = createLockHolder(own);
    const leftTo = (): string | null =>
      lease === null ? neighbours.localAgentOf(uniqsign, address) : lease.heldByAnother();
    // An agent that serves one member only knows the others by what is told of them.
    const peers = (): ReadonlyMap<string, Look> =>
      new Map([...(lease === null ? [] : neighbours.looks(uniqsign)), ...reports.looks(uniqsign)]);
    const promotion = { currentOrders: (u: string) => hub.readOrders(u), others: otherServer, peers };
    const { attempts } = options;
    const keeper = createKeeper({
      ...{ ...own, address, memory, startsClosed, attempts, blocks, peers, promotion, lock, lease, leftTo },
    });
    return { keeper, lock, lease, leftTo };
  }

  return {
    members,
    keep,
    leases,
    end: () => {
      for (const { lock } of kept.values()) lock.release();
      for (const server of servers.values()) server.end();
      for (const lease of leases) lease.end();
    },
  };
}

/**
 * mmm-agent: makes the servers obey. Follows the topology of every cluster it serves, one keeper per
 * member, and reports what it did. Without a topology freshly read from Redis it touches nothing.
 */
import type { AgentReport, Look, MemberReport, Topology } from '../core/model.ts';
import type { Clock, Hub, Log, Memory, Server, ServerFactory } from '../ports.ts';
import { createKeeper, type Keeper } from './keeper.ts';

export interface Agent {
  /** Members to be kept right now, by cluster; those outside the allow-list are left out (and named in the log). */
  members(): Promise<readonly { readonly uniqsign: string; readonly address: string }[]>;
  /** One pass over one member; resolves with how long to wait for the next. */
  keep(uniqsign: string, address: string): Promise<number>;
  end(): void;
}

/** Reports are repeated this often, so that a live agent can be told from a dead one. */
const REPORT_MS = 1000;
/** While a handover is under way a lost hint must not cost a second. */
const HANDOVER_MS = 100;

export function createAgent(options: {
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
}): Agent {
  const { hub, clock, memory, log } = options;
  const keepers = new Map<string, Keeper>();
  const reports = new Map<string, Map<string, MemberReport>>();
  const reported = new Map<string, { text: string; ms: number }>();
  const refused = new Set<string>();
  const stray = new Set<string>();
  const servers = new Map<string, Server>();
  let seq = 0;

  async function members(): Promise<readonly { uniqsign: string; address: string }[]> {
    const found: { uniqsign: string; address: string }[] = [];
    const tags = new Set<string>();
    for (const uniqsign of await hub.clusters()) {
      const t = await hub.readTopology(uniqsign);
      if (t !== null) tags.add(t.tag);
      if (t === null || (options.tags.length > 0 && !options.tags.includes(t.tag))) continue;
      for (const { address, kind } of t.members) {
        if (kind === 'master' && isAllowed(t, address)) found.push({ uniqsign, address });
      }
    }
    nameStrayTags([...tags]);
    return found;
  }

  /** The agent's file names no tags: a misspelt one can only be seen here. Nothing is said while there is no cluster. */
  function nameStrayTags(found: readonly string[]): void {
    if (found.length === 0) return;
    for (const tag of options.tags.filter((one) => !found.includes(one) && !stray.has(one))) {
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
    const t = await hub.readTopology(uniqsign);
    if (t === null || !t.members.some((m) => m.address === address)) return REPORT_MS;
    if (t.generation < memory.floor(uniqsign)) {
      log.debug({ uniqsign, generation: t.generation }, 'ignored a topology older than the one seen before');
      await publish(uniqsign, t);
      return REPORT_MS;
    }
    // A full disk must not keep a deed from being told; what opens a server is remembered on its own.
    const remembered = memory.raise(uniqsign, t.generation).catch((err: unknown) => {
      log.error({ uniqsign, err }, 'cannot remember the generation: is the state directory writable?');
    });
    const report = await keeperOf(uniqsign, address).step(t);
    await remembered;
    const known = reports.get(uniqsign) ?? new Map<string, MemberReport>();
    reports.set(uniqsign, known.set(address, report));
    await publish(uniqsign, t);
    return t.phase === 'stable' ? REPORT_MS : HANDOVER_MS;
  }

  /** Writes the report when it says something new, and at least each second. */
  async function publish(uniqsign: string, t: Topology): Promise<void> {
    const known = reports.get(uniqsign) ?? new Map<string, MemberReport>();
    const news = JSON.stringify(
      [...known].map(([a, r]) => [a, r.generation, r.did, r.detail, r.look?.readOnly, r.accounts]),
    );
    const before = reported.get(uniqsign);
    if (before?.text === news && clock.now() - before.ms < REPORT_MS - 100) return;
    seq += 1;
    await hub.putAgentReport(uniqsign, asReport(uniqsign, t, known));
    reported.set(uniqsign, { text: news, ms: clock.now() });
  }

  function asReport(uniqsign: string, t: Topology, known: ReadonlyMap<string, MemberReport>): AgentReport {
    const about = t.phase === 'closing' ? t.from : (t.to ?? t.writer);
    const latest = known.get(about ?? '') ?? [...known.values()][0];
    return {
      v: 1,
      id: options.id,
      serves: [...known.keys()],
      generation: latest?.generation ?? t.generation,
      step: latest?.step ?? t.step,
      floor: memory.floor(uniqsign),
      did: latest?.did ?? 'watching',
      position: latest?.look?.history ?? null,
      seq,
      members: Object.fromEntries(known),
      blocks: options.blocks ?? false,
    };
  }

  function serverOf(address: string): Server {
    const server = servers.get(address) ?? options.servers(address);
    servers.set(address, server);
    return server;
  }

  function keeperOf(uniqsign: string, address: string): Keeper {
    const key = `${uniqsign} ${address}`;
    const known = keepers.get(key);
    if (known !== undefined) return known;
    const server = serverOf(address);
    const peers = (): ReadonlyMap<string, Look> =>
      new Map(
        [...(reports.get(uniqsign) ?? [])].flatMap(([a, r]) =>
          r.look === null ? [] : [[a, r.look] as const],
        ),
      );
    const keeper = createKeeper({
      address,
      server,
      clock,
      memory,
      log: log.child({ uniqsign }),
      startsClosed: options.startsClosed,
      attempts: options.attempts,
      blocks: options.blocks ?? false,
      peers,
      promotion: { currentTopology: (u) => hub.readTopology(u), others: serverOf, peers },
    });
    keepers.set(key, keeper);
    return keeper;
  }

  return {
    members,
    keep,
    end: () => {
      for (const server of servers.values()) server.end();
    },
  };
}

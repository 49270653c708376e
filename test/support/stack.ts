/** A whole site: two masters, Redis, haproxy and the daemons, from configuration files, by the installed commands. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createDaemon, type Daemon, type DaemonName } from './daemon.ts';
import type { DbPair, PairOptions, Replication } from './db-server.ts';
import { eventually } from './eventually.ts';
import { type Haproxy, startHaproxy } from './haproxy.ts';
import { type MariaServer, startMariaPair } from './mariadb.ts';
import { testSession } from './mariadb-admin.ts';
import { accounts } from './mariadb-template.ts';
import { startMysqlPair } from './mysql56.ts';
import { tempDir } from './processes.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { type CommandResult, runCommand } from './run-command.ts';
import { type SiteFiles, writeSiteFiles } from './site-files.ts';

export interface StackOptions {
  /** Default `mariadb`; the others are MySQL 5.6. */
  readonly replication?: Replication;
  readonly tag?: string;
  /** More keys for the tag section of mmm.conf. */
  readonly clusterKeys?: readonly string[];
  /** More keys for [mysql] of mmm-agent.conf. */
  readonly agentKeys?: readonly string[];
  /** The agent knows both servers for its own (`this`): it holds the lease and sees their death at once. */
  readonly beside?: boolean;
  /** Account that haproxy checks with: then it has a plain `backup`, and there is no sidecar. */
  readonly checkUser?: string;
  /** Which server is writable when the daemons come; default `a`. */
  readonly writable?: 'a' | 'b' | 'none';
}

/** What the tests read of the topology document. */
interface TopologyView {
  readonly generation: number;
  readonly phase: string;
  readonly writer: string | null;
  readonly members: readonly MemberView[];
}

interface MemberView {
  readonly address: string;
  readonly role: string;
  readonly state: string;
  readonly extra?: { readonly count: number; readonly list: string };
}

type EventView = Readonly<Record<string, string>>;

export interface Stack extends AsyncDisposable {
  readonly folder: string;
  readonly tag: string;
  readonly uniqsign: string;
  readonly files: SiteFiles;
  readonly a: MariaServer;
  readonly b: MariaServer;
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  readonly monitor: Daemon;
  readonly identify: Daemon;
  readonly agent: Daemon;
  readonly sidecar: Daemon;
  readonly daemons: readonly Daemon[];
  /** null while there is none. */
  topology(): Promise<TopologyView | null>;
  /** Resolves when the cluster is stable, on this writer if given, and haproxy (with a sidecar) routes there. */
  stable(writer?: MariaServer, withinMs?: number): Promise<TopologyView>;
  /** Resolves when the cluster is stable, every member online, and the agent at work. */
  healthy(withinMs?: number): Promise<void>;
  /** The server that the topology names as writer. */
  writer(): Promise<MariaServer>;
  other(server: MariaServer): MariaServer;
  serverOf(address: string | null): MariaServer;
  /** Oldest first; `at` is epoch milliseconds. */
  events(): Promise<readonly EventView[]>;
  status(...args: readonly string[]): Promise<CommandResult>;
  control(...args: readonly string[]): Promise<CommandResult>;
}

/**
 * Starts everything at once, in no order; resolves when the daemons are ready, the cluster is stable and every
 * member is online.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const stack = await assembleStack(options);
  try {
    for (const daemon of stack.daemons) daemon.start();
    await Promise.all(stack.daemons.map((daemon) => daemon.ready(30_000)));
    await stack.healthy();
    return stack;
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same with the daemons not started yet. */
export async function assembleStack(options: StackOptions = {}): Promise<Stack> {
  const folder = await tempDir('site');
  const tag = options.tag ?? 'orders';
  const uniqsign = randomBytes(16).toString('hex');
  const [pair, redis] = await Promise.all([
    startServers(options.replication ?? 'mariadb', { writable: options.writable ?? 'a' }),
    startRedis(),
  ]);
  const members = [pair.a.address, pair.b.address] as const;
  const { checkUser } = options;
  const haproxy = await startHaproxy({
    folder: folder.path,
    tag,
    members,
    ...(checkUser !== undefined && { checkUser }),
  });
  const site = { folder: folder.path, tag, uniqsign, members, redis: `${redis.host}:${redis.port}`, haproxy };
  const files = await writeSiteFiles({
    ...site,
    clusterKeys: options.clusterKeys ?? [],
    agentKeys: [
      ...(options.beside === true ? [`this=${members.join(', ')}`] : []),
      ...(options.agentKeys ?? []),
    ],
  });
  const { monitor, identify, agent, sidecar } = describeDaemons(folder.path, files);
  const daemons = [monitor, identify, agent, ...(checkUser === undefined ? [sidecar] : [])];
  const end = async () => {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
    await Promise.all([haproxy.stop(), pair.dispose(), redis[Symbol.asyncDispose]()]);
    await folder[Symbol.asyncDispose]();
  };
  const { a, b } = pair;
  const parts = {
    folder: folder.path,
    tag,
    uniqsign,
    files,
    a,
    b,
    redis,
    haproxy,
    monitor,
    identify,
    agent,
    sidecar,
  };
  return {
    ...parts,
    daemons,
    ...questions({ a, b, redis, haproxy, uniqsign, files, isRouted: checkUser === undefined }),
    [Symbol.asyncDispose]: end,
  };
}

function startServers(replication: Replication, options: PairOptions): Promise<DbPair> {
  if (replication === 'mariadb') return startMariaPair(options);
  return startMysqlPair({ ...options, gtid: replication === 'gtid' });
}

function describeDaemons(folder: string, files: SiteFiles) {
  const daemon = (name: DaemonName, configFile: string) =>
    createDaemon({ name, configFile, logFile: join(folder, `${name}.log`) });
  return {
    monitor: daemon('mmm-monitor', files.mmm),
    identify: daemon('mmm-identify', files.mmm),
    agent: daemon('mmm-agent', files.agent),
    sidecar: daemon('mmm-sidecar', files.sidecar),
  };
}

type Parts = Pick<Stack, 'a' | 'b' | 'redis' | 'haproxy' | 'uniqsign' | 'files'> & {
  /** haproxy is led by a sidecar. */
  readonly isRouted: boolean;
};
type Questions = Pick<
  Stack,
  'topology' | 'stable' | 'healthy' | 'writer' | 'other' | 'serverOf' | 'events' | 'status' | 'control'
>;

function questions(parts: Parts): Questions {
  const { a, b, redis, uniqsign, files } = parts;
  const topology = async () => {
    const text = await redis.client.get(`mysql-${uniqsign}-topology`);
    return text === null ? null : (JSON.parse(text) as TopologyView);
  };
  const serverOf = (address: string | null) => {
    const server = [a, b].find((candidate) => candidate.address === address);
    if (server === undefined) throw new Error(`no server has the address ${address}`);
    return server;
  };
  const stable = (writer?: MariaServer, withinMs = 20_000) =>
    eventually(
      `stable${writer === undefined ? '' : ` on ${writer.address}`}, and haproxy routes there`,
      () => stableNow(topology, parts, writer),
      (seen): seen is TopologyView => typeof seen !== 'string',
      { withinMs },
    ) as Promise<TopologyView>;
  const healthy = async (withinMs = 20_000) => {
    await eventually(
      'stable with every member online and attended by the agent',
      async () => {
        const { members } = await stable(undefined, withinMs);
        const report = await redis.client.get(`mysql-${uniqsign}-agent-site`);
        return {
          members,
          unattended: members.filter(({ address }) => report?.includes(`"${address}"`) !== true),
        };
      },
      ({ members, unattended }) =>
        unattended.length === 0 && members.every(({ state }) => state === 'online'),
      { withinMs },
    );
  };
  return {
    topology,
    stable,
    healthy,
    writer: async () => serverOf((await topology())?.writer ?? null),
    other: (server) => (server === a ? b : a),
    serverOf,
    events: async () => (await redis.client.xrange(`mysql-${uniqsign}-events`, '-', '+')).map(toEvent),
    status: (...args) => runCommand('mmm-status', ['--conf', files.mmm, ...args]),
    control: (...args) => runCommand('mmm-control', ['--conf', files.mmm, ...args]),
  };
}

/** The topology, or in words what is missing. */
async function stableNow(
  topology: () => Promise<TopologyView | null>,
  { haproxy, isRouted }: Parts,
  writer: MariaServer | undefined,
): Promise<TopologyView | string> {
  const now = await topology();
  if (now?.phase !== 'stable' || now.writer === null) return `topology ${JSON.stringify(now)}`;
  if (writer !== undefined && now.writer !== writer.address) return `the writer is ${now.writer}`;
  if (!isRouted) return now;
  const session = await testSession({ host: '127.0.0.1', port: haproxy.port, ...accounts.verify });
  try {
    const [row] = await session.query('SELECT @@port AS port, @@read_only AS closed');
    const reached = `127.0.0.1:${row?.port}`;
    return reached === now.writer && row?.closed === 0
      ? now
      : `haproxy leads to ${reached}, ${JSON.stringify(row)}`;
  } finally {
    session.end();
  }
}

function toEvent([id, fields]: readonly [string, readonly string[]]): EventView {
  const pairs = fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1] ?? '']] : []));
  return { ...Object.fromEntries(pairs), at: id.split('-')[0] ?? '' };
}

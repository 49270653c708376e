/** `mmm-control leave --dry-run`: reads servers, Redis and configuration files, and changes nothing anywhere. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadAgentConfig } from '../config/agent.ts';
import { loadMmmConfig } from '../config/mmm.ts';
import { loadSidecarConfig } from '../config/sidecar.ts';
import type { AgentConfig, ClusterConfig, MmmConfig, SidecarConfig } from '../config/types.ts';
import {
  type AskedAccount,
  type LeaveInput,
  type LeavingMember,
  leaveItems,
  sawNothing,
  unreadOf,
} from '../core/leave.ts';
import { ConfigError, HubError, ServerError, UsageError } from '../errors.ts';
import { findKeys } from '../hub/left-keys.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import { type LeftoverOptions, readLeftovers } from '../mysql/leftovers.ts';
import type { Hub } from '../ports.ts';
import { leftFiles } from './leave-files.ts';
import { leaveJson, leaveText } from './leave-text.ts';
import type { Context } from './main.ts';

/** Of everything that is asked of one server. */
const SERVER_MS = 5000;

interface Configs {
  readonly mmm: MmmConfig;
  readonly agent: AgentConfig | null;
  readonly sidecar: SidecarConfig | null;
  /** Files that were not read, and why. */
  readonly unread: readonly string[];
}

/** Prints what may be left of us, with what undoes it. Resolves with the exit code: 1 when nothing could be read. */
export async function leave(context: Context): Promise<number> {
  if (context.options.dryRun !== true) {
    throw new UsageError('leave only tells and never does anything: say leave --dry-run');
  }
  const configs = await loadConfigs(context);
  const input = await gatherInput(configs);
  const items = leaveItems(input);
  const unread = [...configs.unread, ...unreadOf(input)];
  const json = context.options.json === true;
  process.stdout.write(json ? leaveJson(items, unread) : leaveText(items, unread));
  return sawNothing(input) ? 1 : 0;
}

async function loadConfigs({ conf, tags, redis, options }: Context): Promise<Configs> {
  const over = redis === undefined ? {} : { redis };
  const mmm = await loadMmmConfig(conf, { tags, ...over });
  const unread: string[] = [];
  const optional = async <T>(option: unknown, name: string, load: (file: string) => Promise<T>) => {
    const file = option === undefined ? join(dirname(conf), name) : String(option);
    if (option === undefined && !existsSync(file)) {
      unread.push(`${file} is not there: what only ${name} knows is not in this list`);
      return null;
    }
    try {
      return await load(file);
    } catch (error) {
      if (option !== undefined || !(error instanceof ConfigError)) throw error;
      unread.push(...error.mistakes);
      return null;
    }
  };
  const agent = await optional(options.agentConf, 'mmm-agent.conf', (file) => loadAgentConfig(file));
  const sidecar = await optional(options.sidecarConf, 'mmm-sidecar.conf', (file) => loadSidecarConfig(file));
  return { mmm, agent, sidecar, unread };
}

async function gatherInput({ mmm, agent, sidecar }: Configs): Promise<LeaveInput> {
  const accounts = askedAccounts(mmm, agent, sidecar);
  const asked = { accounts, block: agent === null ? 'unknown' : (agent.mysql.block ?? 'none') } as const;
  const hub = createRedisHub(mmm.redis);
  try {
    const [redis, clusters] = await Promise.all([
      readRedis(mmm),
      Promise.all(mmm.clusters.map((cluster) => readCluster(hub, cluster, asked))),
    ]);
    return { clusters, accounts, redis, files: leftFiles({ mmm, agent, sidecar }) };
  } finally {
    await hub.close();
  }
}

function askedAccounts(
  { clusters }: MmmConfig,
  agent: AgentConfig | null,
  sidecar: SidecarConfig | null,
): readonly AskedAccount[] {
  const asked = new Map<string, string>();
  for (const target of sidecar?.targets ?? []) {
    if (target.verifyUser !== null) asked.set(target.verifyUser, 'mmm-sidecar verifies with it');
  }
  if (agent !== null) asked.set(agent.mysql.user, 'of the daemons, perhaps of the Perl programs too');
  for (const { user } of clusters) asked.set(user, 'of the daemons, perhaps of the Perl programs too');
  return [...asked].map(([user, purpose]) => ({ user, purpose }));
}

async function readRedis({ redis }: MmmConfig): Promise<LeaveInput['redis']> {
  const { host, port, username } = redis;
  const at = `${host}:${port}`;
  try {
    return { at, username, found: await findKeys(redis), why: '' };
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    return { at, username, found: null, why: error.message };
  }
}

/** What is asked of a server beside its state. */
interface Asked {
  readonly accounts: readonly AskedAccount[];
  readonly block: LeftoverOptions['block'];
}

async function readCluster(
  hub: Hub,
  cluster: ClusterConfig,
  asked: Asked,
): Promise<LeaveInput['clusters'][number]> {
  const topology = await hub.readTopology(cluster.uniqsign).catch(ifAway);
  const members = await Promise.all(cluster.masters.map((address) => readMember(cluster, address, asked)));
  return { tag: cluster.tag, uniqsign: cluster.uniqsign, members, topology };
}

async function readMember(
  { user, password, database, charset, connectTimeoutMs }: ClusterConfig,
  address: string,
  { accounts, block }: Asked,
): Promise<LeavingMember> {
  const target = { address, user, password, database: database ?? '', charset, connectTimeoutMs };
  try {
    const users = accounts.map(({ user }) => user);
    const found = await readLeftovers({ ...target, users, block, withinMs: SERVER_MS });
    return { address, found, why: '' };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { address, found: null, why: error.message };
  }
}

function ifAway(error: unknown): null {
  if (error instanceof HubError) return null;
  throw error;
}

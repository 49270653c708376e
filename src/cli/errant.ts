/** `mmm-control errant`: what a member holds that the writer lacks. Reads servers and Redis, changes nothing there. */
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { loadMmmConfig } from '../config/mmm.ts';
import type { ClusterConfig } from '../config/types.ts';
import { createErrantReader, type Errant, type ErrantTransaction, errantOf } from '../core/errant.ts';
import { errnoWords } from '../core/errno.ts';
import { type Extras, upTo } from '../core/history.ts';
import type { Look, Topology } from '../core/model.ts';
import { MmmError, UsageError } from '../errors.ts';
import { createRedisHub } from '../hub/redis-hub.ts';
import { dumpProgram, dumpWords, loginText } from '../mysql/errant-dump.ts';
import { findErrant } from '../mysql/errant-place.ts';
import { createServer } from '../mysql/server.ts';
import { dump } from '../system/dump.ts';
import { durationMs } from './duration.ts';
import type { Context } from './main.ts';
import { printable } from './print.ts';

const ACTIONS = ['list', 'show', 'export'] as const;
const LOOK_MS = 5000;
/** Of the transactions that are told one by one. */
const TOLD = 50;

/** What the account of mmm.conf may not do, another one can. */
interface Login {
  readonly user: string;
  readonly password: string;
}

/** Resolves with the exit code: 0 also when nothing is errant. */
export async function errant(context: Context): Promise<number> {
  const [action, member] = context.args;
  if (!ACTIONS.some((known) => known === action)) {
    throw new UsageError(`errant ${action}: say one of ${ACTIONS.join(', ')}`);
  }
  const config = await loadMmmConfig(context.conf, {
    tags: context.tags,
    ...(context.redis === undefined ? {} : { redis: context.redis }),
  });
  const hub = createRedisHub(config.redis);
  try {
    const known = await Promise.all(
      config.clusters.map(async (cluster) => ({
        cluster,
        topology: await hub.readTopology(cluster.uniqsign),
      })),
    );
    if (action === 'list') return list(known, context.options.json === true);
    const found = known.find(({ cluster }) => cluster.masters.some((address) => address === member));
    if (member === undefined || found === undefined) {
      const all = config.clusters.flatMap(({ masters }) => masters).join(', ');
      throw new UsageError(`errant ${action} takes a master: ${all}`);
    }
    return await tell(context, action === 'export', member, found);
  } finally {
    await hub.close();
  }
}

interface Known {
  readonly cluster: ClusterConfig;
  readonly topology: Topology | null;
}

function list(known: readonly Known[], asJson: boolean): number {
  const all = known.flatMap(({ cluster, topology }) =>
    (topology?.members ?? []).flatMap(({ address, state, extra }) =>
      extra === undefined ? [] : [{ tag: cluster.tag, address, state, ...extra }],
    ),
  );
  if (asJson) process.stdout.write(`${JSON.stringify({ errant: all })}\n`);
  else if (all.length === 0) process.stdout.write('no member is known to hold what its writer lacks\n');
  else for (const one of all) process.stdout.write(`${sentence(one)}\n`);
  return 0;
}

function sentence({
  tag,
  address,
  state,
  ...extra
}: Extras & { tag: string; address: string; state: string }): string {
  const what = extra.lost === true ? 'lost' : 'holds';
  return `[${tag}] ${address} (${state}) ${what} ${upTo(extra.count)}: ${printable(extra.list)}`;
}

async function tell(context: Context, keeps: boolean, member: string, known: Known): Promise<number> {
  const { cluster, topology } = known;
  const writer = topology?.writer ?? null;
  if (writer === null || writer === member) {
    const why =
      writer === null ? 'has no writer now: there is nothing to compare with' : `writes to ${member} itself`;
    throw new MmmError('ERRANT', `[${cluster.tag}] ${why}`);
  }
  const login = await loginOf(context, cluster);
  const found = await compare(cluster, member, writer);
  if (found === null) {
    process.stdout.write(`[${cluster.tag}] ${member} holds nothing that the writer ${writer} lacks\n`);
    return 0;
  }
  if (typeof found === 'string') throw new MmmError('ERRANT', `[${cluster.tag}] ${member}: ${found}`);
  const folder = await mkdtemp(join(tmpdir(), 'mmm-errant-'));
  try {
    const file = keeps ? outFile(context, member, topology) : join(folder, 'log.sql');
    await fetch(context, { cluster, login, member, found, folder, file });
    const transactions = await summarise(file);
    report(context, { member, writer, transactions, file: keeps ? file : null });
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function loginOf({ options }: Context, { user, password }: ClusterConfig): Promise<Login> {
  if ((options.user === undefined) !== (options.passwordFile === undefined)) {
    throw new UsageError('--user and --password-file go together');
  }
  if (options.user === undefined) return { user, password };
  const file = String(options.passwordFile);
  try {
    return { user: String(options.user), password: (await readFile(file, 'utf8')).replace(/\r?\n$/, '') };
  } catch (error) {
    throw new UsageError(`--password-file ${file}: ${errnoWords(error)}`);
  }
}

/** Looks at both, by the account of mmm.conf. Without GTID each can tell its own only against the other's history. */
async function compare(
  cluster: ClusterConfig,
  member: string,
  writer: string,
): Promise<Errant | string | null> {
  const servers = [member, writer].map((address) =>
    createServer({ ...target(cluster, cluster, address), excludeUsers: [], connectTimeoutMs: LOOK_MS }),
  );
  const [one, other] = servers;
  if (one === undefined || other === undefined) return null;
  try {
    const before: Look = await one.look(LOOK_MS);
    const theirs = await other.look(LOOK_MS, [before.history]);
    const mine = await one.look(LOOK_MS, [theirs.history]);
    return errantOf(mine.history, theirs.history);
  } finally {
    for (const server of servers) server.end();
  }
}

function target({ charset }: ClusterConfig, { user, password }: Login, address: string) {
  return { address, user, password, database: '', charset };
}

function outFile({ options }: Context, member: string, topology: Topology | null): string {
  const name = `errant-${member.replace(/[^A-Za-z0-9.-]/g, '_')}-generation-${topology?.generation ?? 0}.sql`;
  return resolve(options.out === undefined ? name : String(options.out));
}

async function fetch(
  { options }: Context,
  what: {
    readonly cluster: ClusterConfig;
    readonly login: Login;
    readonly member: string;
    readonly found: Errant;
    readonly folder: string;
    readonly file: string;
  },
): Promise<void> {
  const from = target(what.cluster, what.login, what.member);
  const place = await findErrant(from, what.found);
  const loginFile = join(what.folder, 'login.cnf');
  await writeFile(loginFile, loginText(from), { mode: 0o600 });
  const program = options.program === undefined ? dumpProgram(what.found) : String(options.program);
  const within = durationMs('--timeout', String(options.timeout ?? '10m'));
  await dump(dumpWords(what.found, place, { program, loginFile }), what.file, within);
}

async function summarise(file: string): Promise<readonly ErrantTransaction[]> {
  const reader = createErrantReader();
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  }))
    reader.read(line);
  return reader.transactions();
}

function report(
  { options }: Context,
  told: {
    readonly member: string;
    readonly writer: string;
    readonly transactions: readonly ErrantTransaction[];
    readonly file: string | null;
  },
): void {
  const { member, writer, transactions, file } = told;
  if (options.json === true) {
    const plain = transactions.map((one) => ({ ...one, changes: Object.fromEntries(one.changes) }));
    process.stdout.write(`${JSON.stringify({ member, writer, file, transactions: plain })}\n`);
    return;
  }
  const lines = transactions.slice(0, TOLD).map(({ id, at, changes }) => {
    const what = [...changes]
      .map(([change, rows]) => (rows === 1 ? change : `${change} (${rows})`))
      .join(', ');
    return `  ${at}  ${id || 'without a GTID'}  ${printable(what) || 'nothing that rows show'}`;
  });
  const more = transactions.length - lines.length;
  process.stdout.write(
    [
      `${transactions.length} in the binary log of ${member} that the writer ${writer} lacks:`,
      ...lines,
      ...(more > 0 ? [`  and ${more} more`] : []),
      ...(file === null ? [] : [`written to ${file} (it holds the data itself: readable by you alone)`]),
      '',
    ].join('\n'),
  );
}

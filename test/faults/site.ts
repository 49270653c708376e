/**
 * A whole site on five hosts, each a network namespace: two masters with their agents, Redis, the host that decides,
 * and an application's host with haproxy. The test itself stands outside: it reaches everything by socket files,
 * which no fault of the network can cut.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Daemon } from '../support/daemon.ts';
import type { DbServer } from '../support/db-server.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { describeMariadbAt, follow } from '../support/mariadb.ts';
import { type Net, startNet } from '../support/net.ts';
import { startProcess, tempDir } from '../support/processes.ts';
import { commandFile } from '../support/project.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { describeDaemons, filesOf, lastWords } from './daemons.ts';
import { HOSTS, type Host, type SiteOptions, TAG } from './hosts.ts';
import { ask, type Questions } from './questions.ts';
import { createUndo, type Undo } from './undo.ts';

export interface Site extends Questions, AsyncDisposable {
  readonly folder: string;
  readonly net: Net<Host>;
  /** On dba, the writer at the start. */
  readonly a: DbServer;
  /** On dbb. */
  readonly b: DbServer;
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  readonly monitor: Daemon;
  readonly identifies: readonly Daemon[];
  /** Beside `a`; a central agent stands for both. */
  readonly agentOfA: Daemon;
  readonly agentOfB: Daemon;
  readonly sidecar: Daemon;
  readonly daemons: readonly Daemon[];
  /** Socket files that lead to haproxy and to each server, as from the application's host. */
  readonly ways: { readonly haproxy: string; readonly a: string; readonly b: string };
  /** The mmm-identify that leads. */
  leader(): Promise<Daemon>;
  /** Starts mmm-control on the host that decides; the process's end is not waited for. */
  control(...args: readonly string[]): void;
}

const PORT = 3306;

/** Resolves when everything is ready and healthy, with `a` as the writer. */
export async function startSite(options: SiteOptions): Promise<Site> {
  const undo = createUndo();
  try {
    return await build(options, undo);
  } catch (error) {
    await undo.all();
    throw error;
  }
}

async function build(options: SiteOptions, undo: Undo): Promise<Site> {
  const folder = undo.use(await tempDir('faults')).path;
  const net = undo.use(await startNet(HOSTS));
  const [a, b] = await startServers(folder, net, undo);
  const uniqsign = randomBytes(16).toString('hex');
  const redis = undo.use(
    await startRedis({
      at: { netns: net.namespace('hub'), host: net.address('hub'), socket: join(folder, 'redis.sock') },
    }),
  );
  const members = [a.address, b.address] as const;
  const netns = net.namespace('app');
  const haproxy = undo.use(await startHaproxy({ folder, tag: TAG, members, netns }));
  const ways = openWays(folder, net, { haproxy, a, b }, undo);
  const files = (host: Host, agentKeys: readonly string[] = []) =>
    filesOf({ folder, host, agentKeys, uniqsign, members, redis, haproxy, options });
  const daemons = await describeDaemons({ folder, net, a, b, options, files });
  for (const daemon of daemons.all) undo.use(daemon).start();
  const questions = ask({ a, b, redis, uniqsign, way: ways.haproxy, agents: options.agents });
  const leader = async () => {
    const { id } = await questions.hash('leader');
    const found = daemons.identifies[id === 'hub' ? 1 : 0];
    if (found === undefined) throw new Error(`no identify leads: ${id}`);
    return found;
  };
  const conf = (await files('mon')).mmm;
  const control = (...args: readonly string[]) => {
    const words = [commandFile('mmm-control'), '--conf', conf, ...args];
    const logFile = join(folder, 'mmm-control.log');
    undo.use(startProcess('mmm-control', process.execPath, words, { logFile, netns: net.namespace('mon') }));
  };
  await comesUp(daemons.all, questions);
  const { all, ...named } = daemons;
  const parts = { folder, net, a, b, redis, haproxy, ways, ...named, daemons: all };
  return { ...parts, ...questions, leader, control, [Symbol.asyncDispose]: () => undo.all() };
}

async function comesUp(daemons: readonly Daemon[], questions: Questions): Promise<void> {
  try {
    await Promise.all(daemons.map((daemon) => daemon.ready(30_000)));
    await questions.healthy(30_000);
  } catch (error) {
    throw new Error(`the site did not come up:\n${await lastWords(daemons)}`, { cause: error });
  }
}

async function startServers(
  folder: string,
  net: Net<Host>,
  undo: Undo,
): Promise<readonly [DbServer, DbServer]> {
  const at = (id: number, host: Host) =>
    describeMariadbAt({
      parent: folder,
      id,
      host: net.address(host),
      port: PORT,
      netns: net.namespace(host),
    });
  const [a, b] = await Promise.all([at(1, 'dba'), at(2, 'dbb')]);
  for (const server of [a, b]) undo.use({ [Symbol.asyncDispose]: () => server.kill9() });
  await Promise.all([a.start(), b.start()]);
  await Promise.all([follow(a, b), follow(b, a)]);
  await a.admin('SET GLOBAL read_only=0');
  return [a, b];
}

function openWays(
  folder: string,
  net: Net<Host>,
  to: { readonly haproxy: Haproxy; readonly a: DbServer; readonly b: DbServer },
  undo: Undo,
): Site['ways'] {
  const ways = {
    haproxy: join(folder, 'clients.sock'),
    a: join(folder, 'to-a.sock'),
    b: join(folder, 'to-b.sock'),
  };
  const words = [
    `${ways.haproxy}=127.0.0.1:${to.haproxy.port}`,
    `${ways.a}=${to.a.address}`,
    `${ways.b}=${to.b.address}`,
  ];
  const program = new URL('../support/relay.mjs', import.meta.url).pathname;
  const logFile = join(folder, 'relay.log');
  undo.use(
    startProcess('relay', process.execPath, [program, ...words], { logFile, netns: net.namespace('app') }),
  );
  return ways;
}

/** The daemons of a site, each on its host, with the files of that host. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createDaemon, type Daemon, type DaemonName } from '../support/daemon.ts';
import type { DbServer } from '../support/db-server.ts';
import type { Haproxy } from '../support/haproxy.ts';
import type { Net } from '../support/net.ts';
import type { RedisServer } from '../support/redis.ts';
import { type SiteFiles, writeSiteFiles } from '../support/site-files.ts';
import { type Host, type SiteOptions, TAG } from './hosts.ts';

/** What the configuration files of a host are made of. */
export interface FilesOf {
  readonly folder: string;
  readonly host: Host;
  readonly agentKeys: readonly string[];
  readonly uniqsign: string;
  readonly members: readonly [string, string];
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  readonly options: SiteOptions;
}

/** The configuration files of one host, with a state folder of its own. */
export async function filesOf(of: FilesOf): Promise<SiteFiles> {
  const folder = join(of.folder, of.host);
  await mkdir(folder, { recursive: true });
  return writeSiteFiles({
    folder,
    tag: TAG,
    uniqsign: of.uniqsign,
    members: of.members,
    redis: `${of.redis.host}:${of.redis.port}`,
    haproxy: of.haproxy,
    id: of.host,
    clusterKeys: of.options.clusterKeys ?? [],
    agentKeys: of.agentKeys,
  });
}

interface DaemonsOf {
  readonly folder: string;
  readonly net: Net<Host>;
  readonly a: DbServer;
  readonly b: DbServer;
  readonly options: SiteOptions;
  readonly files: (host: Host, agentKeys?: readonly string[]) => Promise<SiteFiles>;
}

export async function describeDaemons({ folder, net, a, b, options, files }: DaemonsOf) {
  const daemon = (name: DaemonName, host: Host, configFile: string) =>
    createDaemon({
      name,
      configFile,
      logFile: join(folder, `${name}-${host}.log`),
      netns: net.namespace(host),
    });
  const beside = async (host: Host, server: DbServer) => {
    const keys = [`this=${server.address}`, `pid_file=${server.folder}/pid`];
    return daemon('mmm-agent', host, (await files(host, keys)).agent);
  };
  const mon = await files('mon');
  const local = options.agents === 'local';
  const agentOfA = local ? await beside('dba', a) : daemon('mmm-agent', 'mon', mon.agent);
  const agentOfB = local ? await beside('dbb', b) : agentOfA;
  const monitor = daemon('mmm-monitor', 'mon', mon.mmm);
  const hosts: readonly Host[] = options.identifies === 2 ? ['mon', 'hub'] : ['mon'];
  const identifies = await Promise.all(
    hosts.map(async (host) => daemon('mmm-identify', host, (await files(host)).mmm)),
  );
  const sidecar = daemon('mmm-sidecar', 'app', (await files('app')).sidecar);
  const all = [...new Set([monitor, ...identifies, agentOfA, agentOfB, sidecar])];
  return { monitor, identifies, agentOfA, agentOfB, sidecar, all };
}

/** The last lines that each of them logged. */
export async function lastWords(daemons: readonly Daemon[]): Promise<string> {
  const each = await Promise.all(
    daemons.map(async ({ name, lines }) => [
      name,
      ...(await lines()).slice(-5).map((l) => JSON.stringify(l)),
    ]),
  );
  return each.flat().join('\n');
}

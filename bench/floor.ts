/**
 * The least that is physically possible here: no daemon, no safety. One process that holds its sessions ready
 * does, at once and unconditionally, the steps that cannot be left out.
 */

import type { Redis } from 'ioredis';
import { createConnection, type RowDataPacket } from 'mysql2';
import { type Haproxy, startHaproxy } from '../test/support/haproxy.ts';
import { prepareTables, replicationRests } from '../test/support/holdings.ts';
import { type MariaServer, startMariaPair } from '../test/support/mariadb.ts';
import { tempDir } from '../test/support/processes.ts';
import { reclone } from '../test/support/reclone.ts';
import { startRedis } from '../test/support/redis.ts';
import { reaches } from './reaches.ts';
import { type Gap, gapUnderTraffic } from './traffic.ts';

export interface Floors {
  readonly crash: readonly Gap[];
  readonly switchover: readonly Gap[];
  /** From PUBLISH to the new writer answering through haproxy, ms. */
  readonly routed: readonly number[];
}

interface Site {
  readonly haproxy: Haproxy;
  readonly redis: Redis;
  writer: MariaServer;
  standby: MariaServer;
}

/** Measures each floor `n` times on a pair of its own. */
export async function measureFloors(n: number): Promise<Floors> {
  await using folder = await tempDir('floor');
  await using pair = await startMariaPair();
  await using redis = await startRedis();
  await prepareTables(pair.a);
  const members = [pair.a.address, pair.b.address];
  await using haproxy = await startHaproxy({
    folder: folder.path,
    tag: 'floor',
    members,
    open: pair.a.address,
  });
  const site: Site = { haproxy, redis: redis.client, writer: pair.a, standby: pair.b };
  const crash: Gap[] = [];
  const switchover: Gap[] = [];
  const routed: number[] = [];
  for (let round = 0; round < n; round += 1) {
    switchover.push(await gapUnderTraffic(haproxy.port, () => switchOver(site)));
    routed.push(await publishAndRoute(site));
    crash.push(await gapUnderTraffic(haproxy.port, () => failOver(site)));
    await rejoin(site);
  }
  return { crash, switchover, routed };
}

async function failOver(site: Site): Promise<void> {
  const { writer, standby, haproxy } = site;
  const watched = await heldSession(writer);
  const hand = await heldSession(standby);
  const gone = writer.kill9();
  await watched.died;
  await hand.admin('SET GLOBAL read_only=0');
  await haproxy.route(standby.address, { cut: true });
  await gone;
  watched.end();
  hand.end();
  exchange(site);
}

async function switchOver(site: Site): Promise<void> {
  const { writer, standby, haproxy } = site;
  const closer = await heldSession(writer);
  const opener = await heldSession(standby);
  await changeRoles(closer, opener);
  await haproxy.route(standby.address, { cut: true });
  closer.end();
  opener.end();
  exchange(site);
}

/** A message, a switch of haproxy at its arrival, and a login through it: what a sidecar cannot do without. */
async function publishAndRoute(site: Site): Promise<number> {
  const { haproxy, redis, writer, standby } = site;
  await changeRoles(writer, standby);
  const subscriber = redis.duplicate();
  await subscriber.subscribe('floor');
  const heard = new Promise<void>((resolve) => subscriber.once('message', () => resolve()));
  const startMs = performance.now();
  void redis.publish('floor', `${standby.address} ${writer.address}`);
  await heard;
  await haproxy.route(standby.address, { cut: true });
  await reaches(haproxy.port, standby.port);
  const tookMs = performance.now() - startMs;
  subscriber.disconnect();
  exchange(site);
  return tookMs;
}

async function changeRoles(
  writer: Pick<MariaServer, 'admin'>,
  standby: Pick<MariaServer, 'admin'>,
): Promise<void> {
  await writer.admin('SET GLOBAL read_only=1');
  const [row] = await writer.admin('SELECT @@gtid_binlog_pos AS position');
  await standby.admin(`SELECT MASTER_GTID_WAIT('${row?.position}', 5)`);
  await standby.admin('SET GLOBAL read_only=0');
}

/** The killed server comes back as the standby, with whatever it had more than the others taken away. */
async function rejoin({ writer, standby }: Site): Promise<void> {
  await writer.admin('STOP ALL SLAVES');
  await standby.start();
  await reclone(standby, writer);
  for (const server of [standby, writer]) await server.admin('START ALL SLAVES');
  await replicationRests([writer, standby]);
}

function exchange(site: Site): void {
  [site.writer, site.standby] = [site.standby, site.writer];
}

interface Held extends Pick<MariaServer, 'admin'> {
  /** Resolves when the server closes the session. */
  readonly died: Promise<void>;
  end(): void;
}

/** A session that is there before it is needed. */
async function heldSession(server: MariaServer): Promise<Held> {
  const connection = createConnection({ socketPath: server.socket, user: 'root' });
  const died = new Promise<void>((resolve) => {
    connection.on('error', () => resolve());
    connection.on('end', () => resolve());
  });
  const admin = (sql: string) =>
    new Promise<readonly RowDataPacket[]>((resolve, reject) => {
      connection.query<RowDataPacket[]>(sql, (error, rows) =>
        error === null ? resolve(Array.isArray(rows) ? rows : []) : reject(error),
      );
    });
  await admin('SELECT 1');
  return { admin, died, end: () => connection.destroy() };
}

/**
 * The ancestor's three programs as Redis, the servers and whoever watches them see them: the monitor's checks,
 * identify's keys and message by three separate commands, and the agent that opens the new writer before it
 * closes the old one and ends no session.
 */
import type { Redis } from 'ioredis';
import { pause } from './eventually.ts';
import type { MariaServer } from './mariadb.ts';

export interface PerlPrograms extends AsyncDisposable {
  /** Makes `to` the active one, as identify and agent do it together. */
  switchTo(to: MariaServer): Promise<void>;
  stop(): Promise<void>;
}

export interface PerlSite {
  readonly redis: Redis;
  readonly uniqsign: string;
  readonly topic: string;
  /** primaryhost first. */
  readonly servers: readonly [MariaServer, MariaServer];
}

/** The checks go on until `stop`; every 300 ms, to keep tests short. */
export async function startPerlPrograms(site: PerlSite): Promise<PerlPrograms> {
  const { redis, uniqsign, servers } = site;
  const key = (name: string) => `mysql-${uniqsign}-${name}`;
  const [primary, secondary] = servers;
  await redis.setnx(key('servicemode'), '1');
  await redis.setnx(key('primaryhost'), primary.address);
  await redis.setnx(key('secondaryhost'), secondary.address);
  await redis.sadd(key('members'), primary.address, secondary.address);
  let stopped = false;
  const check = async (server: MariaServer) =>
    redis.hmset(key(`${server.address}-check`), await checkOf(server));
  await Promise.all(servers.map(check));
  const done = (async () => {
    while (!stopped) {
      await Promise.all(servers.map(check));
      await pause(300);
    }
  })();
  const stop = async () => {
    stopped = true;
    await done;
  };

  async function switchTo(to: MariaServer): Promise<void> {
    const from = to === primary ? secondary : primary;
    await redis.hmset(key('mode'), { active: to.address, passive: from.address });
    await redis.hmset(key('master'), { host: to.address });
    await redis.publish(site.topic, `active: ${to.address}, passive: ${from.address}, uniqsign: ${uniqsign}`);
    await to.admin('SET GLOBAL read_only = 0');
    await from.admin('SET GLOBAL read_only = 1');
  }

  return { switchTo, stop, [Symbol.asyncDispose]: stop };
}

async function checkOf(server: MariaServer): Promise<Readonly<Record<string, string>>> {
  const last_check = String(Math.floor(Date.now() / 1000));
  try {
    const [state] = await server.admin('SELECT @@read_only AS closed');
    const [link] = await server.admin('SHOW SLAVE STATUS');
    const isRunning = link?.Slave_IO_Running === 'Yes' && link.Slave_SQL_Running === 'Yes';
    const repl_check = isRunning ? 'OK' : 'Error';
    return {
      ping: '1',
      repl_check,
      read_only: String(state?.closed),
      delay_sec: '-1',
      conn_nums: '0',
      last_check,
    };
  } catch {
    return { ping: '0', repl_check: 'Error', read_only: '-1', delay_sec: '-1', conn_nums: '-1', last_check };
  }
}

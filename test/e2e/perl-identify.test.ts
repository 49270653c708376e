/** A site of the ancestor: its programs decide, our sidecar follows; then ours take over, and hand back. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { MariaServer } from '../support/mariadb.ts';
import { testSession } from '../support/mariadb-admin.ts';
import { accounts } from '../support/mariadb-template.ts';
import { type PerlPrograms, startPerlPrograms } from '../support/perl-programs.ts';
import { assembleStack, type Stack } from '../support/stack.ts';
import { listenToTopic, TOPIC } from '../support/topic-ear.ts';

const NOTE = 'only the Perl mmm-identify decides: there is no topology, and nobody is cut before a switch';

describe('a site where only the Perl programs decide', () => {
  let stack: Stack;
  let perl: PerlPrograms;
  beforeAll(async () => {
    stack = await assembleStack({ writable: 'a' });
    perl = await startPerl();
  });
  afterAll(async () => {
    await perl?.stop();
    await stack?.[Symbol.asyncDispose]();
  });

  const key = (name: string) => `mysql-${stack.uniqsign}-${name}`;
  const startPerl = () => {
    const { redis, uniqsign, a, b } = stack;
    return startPerlPrograms({ redis: redis.client, uniqsign, topic: TOPIC, servers: [a, b] });
  };

  test('nothing is known before it has decided', async () => {
    stack.sidecar.start();
    await stack.sidecar.ready();
    expect(await stack.status()).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('nothing was decided yet'),
    });
  });

  test('the sidecar follows its switches, ends the sessions on the old writer and writes the file', async () => {
    const { a, b } = stack;
    await perl.switchTo(a);
    await leadsTo(a);
    const old = await client();
    const startedMs = performance.now();
    await perl.switchTo(b);
    await leadsTo(b);
    console.log(
      `haproxy led to the new writer ${Math.round(performance.now() - startedMs)} ms after the keys`,
    );
    await expect(old.query('SELECT 1')).rejects.toThrow();
    await eventually(
      'the file leads to the new writer',
      () => enabledServers(),
      (lines) => {
        return lines.length === 1 && lines[0]?.includes(b.address) === true;
      },
    );
    const lines = await stack.sidecar.lines();
    const said = lines.filter(({ msg }) => String(msg).startsWith('follows the Perl mmm-identify'));
    expect(said).toHaveLength(1);
  });

  test('mmm-status shows the pair, judges it, and says who decides', async () => {
    const { a, b } = stack;
    const { stdout, code } = await eventually(
      'the checks are of now',
      () => stack.status(),
      (now) => now.code === 0,
    );
    expect({ stdout, code }).toEqual({ stdout: expect.any(String), code: 0 });
    const [first, tag, active, passive, ...rest] = stdout.split('\n');
    expect([first, tag, active, passive]).toEqual([
      'Current multi master status:',
      `[${stack.tag}]`,
      `  active: ${b.address}(alive readonly: 0, replcheck: OK)`,
      `  +- passive: ${a.address}(alive readonly: 1, replcheck: OK)`,
    ]);
    expect(rest).toContain(`  note: ${NOTE}`);
    expect(rest.join('\n')).toMatch(
      /sidecar site \(not registered\): routed .*follows the Perl mmm-identify/,
    );
    await a.admin('SET GLOBAL read_only = 0');
    await eventually(
      'two writers',
      () => stack.status(),
      (now) => now.code === 2,
    );
    await a.admin('SET GLOBAL read_only = 1');
    await eventually(
      'one writer',
      () => stack.status(),
      (now) => now.code === 0,
    );
  });

  test('a stranger in the keys is refused and named, and clients stay where they are', async () => {
    const { b, redis } = stack;
    const stranger = '10.66.66.66:3306';
    const session = await client();
    await redis.client.hset(key('master'), 'host', stranger);
    await redis.client.publish(
      TOPIC,
      `active: ${stranger}, passive: ${b.address}, uniqsign: ${stack.uniqsign}`,
    );
    await eventually(
      'it is refused',
      () => stack.sidecar.lines(),
      (lines) => {
        return lines.some(({ reason }) => String(reason).includes(`"${stranger}" is not in members=`));
      },
    );
    expect(await session.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    session.end();
    await redis.client.hset(key('master'), 'host', b.address);
    await leadsTo(b);
  });

  test('our daemons adopt what it left: nothing is opened, closed, cut or announced', async () => {
    const { a, b, redis } = stack;
    await perl.stop();
    await using ear = await listenToTopic(redis);
    const session = await client();
    const before = await enabledServers();
    for (const daemon of [stack.monitor, stack.identify, stack.agent]) daemon.start();
    await stack.healthy(30_000);
    expect(await stack.topology()).toMatchObject({ generation: 1, writer: b.address, phase: 'stable' });
    expect(await session.query('SELECT @@port AS port, @@read_only AS closed')).toEqual([
      { port: b.port, closed: 0 },
    ]);
    expect(await a.admin('SELECT @@read_only AS closed')).toEqual([{ closed: 1 }]);
    expect(await enabledServers()).toEqual(before);
    expect(ear.messages).toEqual([]);
    await eventually('the sidecar is registered', async () => {
      return (await redis.client.get(key('topology')))?.includes('"sidecars":["site"]') === true;
    });
    const { stdout, code } = await stack.status();
    expect({ code, noted: stdout.includes(NOTE) }).toEqual({ code: 0, noted: false });
    session.end();
  });

  test('from then on the sidecar takes part in handovers, and the keys are hints no more', async () => {
    const { a, b, redis } = stack;
    expect((await stack.control('switchover')).code).toBe(0);
    await leadsTo(a);
    const routed = (await stack.events()).filter(({ kind }) => kind === 'routed').at(-1);
    expect(routed).toMatchObject({ generation: '2', to: a.address });
    await stack.identify.term();
    await redis.client.del(key('topology'));
    await redis.client.hset(key('master'), 'host', b.address);
    await redis.client.publish(
      TOPIC,
      `active: ${b.address}, passive: ${a.address}, uniqsign: ${stack.uniqsign}`,
    );
    await eventually(
      'it says that the topology is gone',
      () => stack.sidecar.lines(),
      (lines) => {
        return lines.some(({ msg }) => String(msg).startsWith('the topology is gone from redis'));
      },
    );
    expect(await reached()).toBe(`127.0.0.1:${a.port}`);
    expect(await stack.status()).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('generation 2 was seen'),
    });
    stack.identify.start();
    await stack.healthy(30_000);
    expect(await stack.topology()).toMatchObject({ writer: a.address, generation: 2 });
  });

  test('the way back: without our daemons, their documents and the state, the keys count again', async () => {
    const { a, b, redis } = stack;
    for (const daemon of [stack.identify, stack.monitor, stack.agent, stack.sidecar]) await daemon.term();
    await redis.client.del(key('topology'), key('agent-site'), key('sidecar-site'));
    // What is ours in their hash tells that there was a topology.
    await redis.client.hdel(key('master'), 'passive', 'generation', 'phase', 'since');
    await rm(join(stack.folder, 'state', `mmm-sidecar.${stack.uniqsign}.json`));
    perl = await startPerl();
    stack.sidecar.start();
    await leadsTo(a);
    await perl.switchTo(b);
    await leadsTo(b);
    await eventually(
      'mmm-status is content',
      () => stack.status(),
      (now) => now.code === 0,
    );
  });

  /** A session through haproxy. */
  function client() {
    return testSession({ host: '127.0.0.1', port: stack.haproxy.port, ...accounts.verify });
  }

  async function reached(): Promise<string> {
    const session = await client();
    try {
      const [row] = await session.query('SELECT @@port AS port');
      return `127.0.0.1:${row?.port}`;
    } finally {
      session.end();
    }
  }

  async function leadsTo(server: MariaServer): Promise<void> {
    await eventually(`haproxy leads to ${server.address}`, reached, (address) => address === server.address);
  }

  /** The server lines of haproxy's file that take clients. */
  async function enabledServers(): Promise<readonly string[]> {
    const text = await readFile(stack.haproxy.configFile, 'utf8');
    return text.split('\n').filter((line) => /^\s*server /.test(line) && !line.includes('disabled'));
  }
});

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../support/processes.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

/** Somebody who can write to Redis must not get further than Redis. */
describe('hostile values in Redis', () => {
  let stack: Stack;
  let trap: Trap;
  beforeAll(async () => {
    [stack, trap] = await Promise.all([startStack(), setTrap()]);
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    trap?.server.close();
  });

  /** Name, and how a topology (as an object) is spoilt. */
  const spoilt: readonly (readonly [string, (topology: Json, site: Site) => unknown])[] = [
    ['an unknown host as writer', (topology, { evil }) => moved(topology, evil)],
    ['an unknown host among the members', (topology, { evil }) => withMember(topology, evil)],
    ['a newline in an address', (topology, { evil }) => moved(topology, `${evil}\n  server evil ${evil}`)],
    ['a command in an address', (topology, { touch }) => moved(topology, `127.0.0.1; ${touch}`)],
    ['a command in a word', (topology, { touch }) => moved(topology, `$(${touch}):3306`)],
    ['a newline in the tag', (topology, { evil }) => ({ ...topology, tag: `x\n  server evil ${evil}` })],
    ['300 kB of text', (topology) => ({ ...topology, reason: 'x'.repeat(300_000) })],
    ['300 kB that are no JSON', () => 'x'.repeat(300_000)],
    ['a generation that is no number', (topology) => ({ ...topology, generation: '99999' })],
    ['a list where a document was', () => []],
    ['an empty text', () => ''],
  ];

  test.for(spoilt)(
    '%s in the topology reaches no file, no command, no login, no client',
    async ([, spoil]) => {
      const writer = await stack.writer();
      const site = { evil: trap.address, touch: `touch ${join(stack.folder, 'pwned')}` };
      const { client } = stack.redis;
      const key = `mysql-${stack.uniqsign}-topology`;
      const original = (await client.get(key)) ?? '';
      const { verdict } = await underLoad(stack, {}, async (workload) => {
        const value = spoil(JSON.parse(original) as Json, site);
        await client.set(key, typeof value === 'string' ? value : JSON.stringify(value));
        await announce(stack, trap.address);
        await workload.flowing(100);
        await client.set(key, original);
        await announce(stack, writer.address);
        await stack.stable(writer);
      });
      expect(verdict.complaints).toEqual([]);
      await nothingHappened(stack, trap);
    },
  );

  test('wrong types behind every key are survived, and mended', async () => {
    const { client } = stack.redis;
    const writer = await stack.writer();
    const { verdict } = await underLoad(stack, {}, async (workload) => {
      for (const key of await client.keys(`mysql-${stack.uniqsign}-*`)) {
        if (key.endsWith('-events') || key.endsWith('-requests')) continue;
        const type = await client.type(key);
        await client.del(key);
        await (type === 'string' ? client.lpush(key, 'x') : client.set(key, 'x'));
      }
      await workload.flowing(100);
      await stack.stable(writer);
    });
    expect(verdict.complaints).toEqual([]);
    await stack.healthy();
    await nothingHappened(stack, trap);
  });

  test('a message that names an unknown host moves nobody', async () => {
    const { verdict, journal } = await underLoad(stack, {}, async (workload) => {
      for (let turn = 0; turn < 20; turn += 1) await announce(stack, trap.address);
      await stack.redis.client.publish('mmm-switch-channel', 'x'.repeat(300_000));
      await workload.flowing(200);
    });
    expect(verdict.complaints).toEqual([]);
    expect(journal.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    await nothingHappened(stack, trap);
  });
});

type Json = Readonly<Record<string, unknown>>;

interface Site {
  readonly evil: string;
  readonly touch: string;
}

interface Trap {
  readonly server: Server;
  readonly address: string;
  /** Connections so far. */
  visits(): number;
}

/** A server that nobody has a reason to talk to. */
async function setTrap(): Promise<Trap> {
  const [port = 0] = await freePorts(1);
  let visits = 0;
  const server = createServer((visitor) => {
    visits += 1;
    visitor.destroy();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, address: `127.0.0.1:${port}`, visits: () => visits };
}

function moved(topology: Json, writer: string): Json {
  return withMember({ ...topology, generation: Number(topology.generation) + 1, to: writer, writer }, writer);
}

function withMember(topology: Json, address: string): Json {
  const members = Array.isArray(topology.members) ? topology.members : [];
  return {
    ...topology,
    members: [...members, { address, role: 'standby', kind: 'master', state: 'online' }],
  };
}

async function announce({ redis, uniqsign, a }: Stack, address: string): Promise<void> {
  await redis.client.publish(
    'mmm-switch-channel',
    `active: ${address}, passive: ${a.address}, uniqsign: ${uniqsign}`,
  );
}

async function nothingHappened(stack: Stack, trap: Trap): Promise<void> {
  expect(trap.visits()).toBe(0);
  expect(existsSync(join(stack.folder, 'pwned'))).toBe(false);
  const rendered = await readFile(stack.haproxy.configFile, 'utf8');
  expect(rendered).not.toContain(trap.address);
  expect(rendered).not.toContain('evil');
  expect(stack.daemons.map((daemon) => daemon.alive())).toEqual([true, true, true, true]);
}

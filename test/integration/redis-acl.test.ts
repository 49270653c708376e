/** The users of examples/redis-acl.conf: each can do what its program does, and nothing that it must not. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FoundKeys } from '../../src/core/leave.ts';
import type { LegacyCheck } from '../../src/core/model.ts';
import { findKeys } from '../../src/hub/left-keys.ts';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Hub, LegacyKeys } from '../../src/ports.ts';
import { aCommit, pairOf } from '../contract/hub.contract.ts';
import {
  A,
  anAgentReport,
  anEvent,
  aRequest,
  aSidecarReport,
  aTopology,
  B,
  SIGN,
  someFacts,
} from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { tempDir } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/redis-acl.conf');
const TOPIC = 'mmm-switch-channel';
const PASSWORD = 'xxxxxxxx';
const ours = { member: A, agent: 'agent1', generation: 42 };
const check: LegacyCheck = {
  ping: '1',
  repl_check: 'OK',
  read_only: '0',
  delay_sec: '0',
  conn_nums: '0',
  last_check: '1763630000',
};
const legacy: LegacyKeys = {
  active: A,
  passive: B,
  masterHost: A,
  masterGeneration: '42',
  masterSince: '1763630000000',
  servicemode: '1',
  primaryhost: A,
  secondaryhost: B,
  members: [A, B],
};

const READING = {
  clusters: (hub) => hub.clusters(),
  read: (hub) => hub.read(SIGN),
  readTopology: (hub) => hub.readTopology(SIGN),
  readOrders: (hub) => hub.readOrders(SIGN),
  readChecks: (hub) => hub.readChecks(SIGN, [A, B]),
  readAnswer: (hub) => hub.readAnswer(SIGN, 'request1'),
  events: (hub) => hub.events(SIGN, 5),
} satisfies Readonly<Record<string, (hub: Hub) => Promise<unknown>>>;

const WRITING = {
  commit: async (hub) =>
    hub.commit(
      aCommit(aTopology({ generation: 43, writer: B }), {
        ...pairOf(B, A),
        basedOn: await storedTopology(),
        events: [anEvent()],
        takes: 'request1',
        answers: [{ v: 1, id: 'request1', ok: true, detail: '', generation: 43 }],
      }),
    ),
  repairLegacy: async (hub) => {
    await hub.repairLegacy(SIGN, legacy);
    await hub.repairLegacy(SIGN, legacy);
  },
  answer: (hub) => hub.answer(SIGN, { v: 1, id: 'request1', ok: true, detail: '', generation: 42 }),
  lead: (hub) => hub.lead(SIGN, 'identify1', null),
  resign: (hub) => hub.resign(SIGN, 'identify1'),
  putEvent: (hub) => hub.putEvent(SIGN, anEvent()),
  putFacts: (hub) => hub.putFacts(someFacts()),
  putCheck: (hub) => hub.putCheck(SIGN, A, check),
  putAgentReport: (hub) => hub.putAgentReport(SIGN, anAgentReport()),
  renewLease: (hub) => hub.renewLease(SIGN, { ...ours, armed: true }),
  releaseLease: (hub) => hub.releaseLease(SIGN, ours),
  putSidecarReport: (hub) => hub.putSidecarReport(SIGN, aSidecarReport()),
  putRequest: (hub) => hub.putRequest(SIGN, aRequest({ id: 'request2' }), 10_000),
  withdraw: (hub) => hub.withdraw(SIGN, 'request1'),
} satisfies Readonly<Record<string, (hub: Hub) => Promise<unknown>>>;

interface Role {
  readonly user: string;
  readonly reads: readonly (keyof typeof READING)[];
  readonly writes: readonly (keyof typeof WRITING)[];
  /** It writes the same keys: that cannot be told apart. */
  readonly mayToo?: readonly (keyof typeof WRITING)[];
  readonly watches: boolean;
  readonly hearsTopic?: true;
  /** Looks for everything that is left in Redis. */
  readonly leaves?: true;
}

/** Sent by the client by itself, or only with another database, or missed only after a while. */
const OF_THE_CONNECTION = ['ping', 'info', 'select', 'subscribe', 'unsubscribe'];

/** What each program asks of the hub. */
const ROLES: readonly Role[] = [
  { user: 'mmm-monitor', reads: [], writes: ['putFacts', 'putCheck'], watches: false },
  {
    user: 'mmm-identify',
    reads: ['read'],
    writes: ['commit', 'repairLegacy', 'answer', 'lead', 'resign', 'putEvent'],
    mayToo: ['renewLease', 'releaseLease', 'putRequest', 'withdraw'],
    watches: true,
  },
  {
    user: 'mmm-agent',
    reads: ['clusters', 'readTopology', 'readOrders', 'events'],
    writes: ['putAgentReport', 'renewLease', 'releaseLease'],
    watches: true,
  },
  {
    user: 'mmm-sidecar',
    reads: ['read', 'readTopology'],
    writes: ['putSidecarReport', 'putEvent'],
    watches: true,
    hearsTopic: true,
  },
  {
    user: 'mmm-control',
    reads: ['read', 'readTopology', 'readChecks', 'readAnswer', 'events'],
    writes: ['putRequest', 'withdraw'],
    watches: true,
    leaves: true,
  },
  { user: 'mmm-status', reads: ['read', 'readChecks', 'events'], writes: [], watches: true },
];

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ args: ['--include', EXAMPLE] });
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach(prepare);

async function prepare(): Promise<void> {
  await server.client.flushall();
  await server.client.script('FLUSH');
  await using master = hubAs(null);
  await master.hub.commit(aCommit(aTopology(), pairOf(A, B)));
  await master.hub.putRequest(SIGN, aRequest(), 60_000);
  await master.hub.lead(SIGN, 'identify1', null);
  await server.client.sadd(`mysql-${SIGN}-reporters`, 'agent-expired');
}

function hubAs(user: string | null, warnings: string[] = []): { readonly hub: Hub } & AsyncDisposable {
  const { host, port } = server;
  const warn = (fields: object, message: string) =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug() {}, info() {}, warn, error: warn, child: () => log };
  const identity = user === null ? {} : { username: user, password: PASSWORD };
  const hub = createRedisHub({ host, port, ...identity, topic: TOPIC, log });
  return { hub, [Symbol.asyncDispose]: () => hub.close() };
}

describe.each(ROLES)('$user', ({ user, reads, writes, mayToo = [], watches, hearsTopic, leaves }) => {
  it('can do all that its program does', async () => {
    expect(await doAll()).toEqual([]);
  });

  it('has no command that its program does not need', async () => {
    const text = await readFile(EXAMPLE, 'utf8');
    const rule = text.split('\n').find((line) => line.startsWith(`user ${user} `)) ?? '';
    const commands = rule.replace(/\(.*\)/, '').match(/(?<= \+)[a-z]+(?= |$)/g) ?? [];
    for (const command of commands.filter((one) => !OF_THE_CONNECTION.includes(one))) {
      await prepare();
      await server.client.call('ACL', 'SETUSER', user, `-${command}`);
      const trouble = await doAll().catch((error: unknown) => [String(error)]);
      await server.client.call('ACL', 'SETUSER', user, `+${command}`);
      expect([command, ...trouble]).not.toEqual([command]);
    }
  });

  it('cannot do what other programs do', async () => {
    await using it = hubAs(user);
    const before = await everything();
    for (const [name, write] of Object.entries(WRITING)) {
      if ([...writes, ...mayToo].some((own) => own === name)) continue;
      const said = await write(it.hub).then(
        () => 'nothing',
        (error: unknown) => String(error),
      );
      expect([name, said]).toEqual([name, expect.stringContaining(`does not permit this to user "${user}"`)]);
    }
    expect(await everything()).toEqual(before);
  });

  /** Warnings that came of it. */
  async function doAll(): Promise<readonly string[]> {
    const warnings: string[] = [];
    await using it = hubAs(user, warnings);
    for (const name of reads) await READING[name](it.hub);
    for (const name of writes) await WRITING[name](it.hub);
    if (leaves) expect((await keysAs(user)).keys).toContain(`mysql-${SIGN}-lease`);
    // Again where nothing is as it should be: keys of a wrong type are replaced.
    await spoilEverything();
    for (const name of reads) await READING[name](it.hub);
    for (const name of writes) await WRITING[name](it.hub);
    if (watches) await hears(it.hub, hearsTopic === true);
    return warnings;
  }

  it('cannot harm Redis, nor anybody else in it', async () => {
    await using raw = rawAs(user);
    const forbidden = [
      ['FLUSHALL'],
      ['CONFIG', 'SET', 'maxmemory', '1'],
      ['KEYS', '*'],
      ['ACL', 'LIST'],
      ['SHUTDOWN'],
      ['SCRIPT', 'FLUSH'],
      ['CLIENT', 'LIST'],
      ['MONITOR'],
      ['SET', 'other', 'x'],
      ['GET', 'other'],
      ['SUBSCRIBE', 'other'],
      ['EVAL', "return redis.call('SET', 'other', 'x')", '0'],
      ['EVAL', "return redis.call('FLUSHALL')", '0'],
      ['EVAL', "return redis.call('PUBLISH', 'other', 'x')", '0'],
      ...(user === 'mmm-identify'
        ? []
        : [
            ['SET', `mysql-${SIGN}-topology`, 'x'],
            ['DEL', `mysql-${SIGN}-topology`],
            ['HSET', `mysql-${SIGN}-leader`, 'id', 'me'],
            ['HSET', `mysql-${SIGN}-mode`, 'active', B],
            ['SADD', 'mysql-clusters', 'x'],
            ['PUBLISH', TOPIC, 'x'],
            ['EVAL', `return redis.call('SET', 'mysql-${SIGN}-topology', 'x')`, '0'],
            ['EVAL', `return redis.call('PUBLISH', '${TOPIC}', 'x')`, '0'],
          ]),
      ...(user === 'mmm-identify' || user === 'mmm-agent'
        ? []
        : [['HSET', `mysql-${SIGN}-lease`, 'counter', '9']]),
    ];
    for (const [command = '', ...args] of forbidden) {
      const said = await raw.redis.call(command, ...args).then(
        () => 'nothing',
        (error: unknown) => String(error),
      );
      expect([command, ...args, said]).toEqual([
        command,
        ...args,
        expect.stringMatching(/NOPERM|ACL failure|executing the script can't/),
      ]);
    }
  });
});

it('the lines with users can be an aclfile, too', async () => {
  await using dir = await tempDir('aclfile');
  const users = (await readFile(EXAMPLE, 'utf8')).split('\n').filter((line) => line.startsWith('user'));
  await writeFile(join(dir.path, 'users.acl'), `${users.join('\n')}\n`);
  await using other = await startRedis({ args: ['--aclfile', join(dir.path, 'users.acl')] });
  const listed = (await other.client.acl('USERS')) as unknown;
  expect(listed).toEqual(expect.arrayContaining(ROLES.map(({ user }) => user)));
});

function keysAs(username: string): Promise<FoundKeys> {
  const { host, port } = server;
  return findKeys({ host, port, username, password: PASSWORD });
}

async function storedTopology(): Promise<string | null> {
  const key = `mysql-${SIGN}-topology`;
  return (await server.client.type(key)) === 'string' ? server.client.get(key) : null;
}

async function hears(hub: Hub, topicToo: boolean): Promise<void> {
  const hints: string[] = [];
  const { signal } = new AbortController();
  await hub.watch([SIGN], (_, hint) => hints.push(hint), signal, ...(topicToo ? [TOPIC] : []));
  await server.client.publish(`mysql-${SIGN}-wake`, 'topology');
  await server.client.publish(TOPIC, `active: ${A}, passive: ${B}, uniqsign: ${SIGN}`);
  await eventually('the hints', () => hints.length === (topicToo ? 2 : 1));
}

function rawAs(username: string): { readonly redis: Redis } & AsyncDisposable {
  const { host, port } = server;
  const redis = new Redis({ host, port, username, password: PASSWORD, enableReadyCheck: false });
  return { redis, [Symbol.asyncDispose]: async () => redis.disconnect() };
}

async function spoilEverything(): Promise<void> {
  for (const key of await server.client.keys('*')) {
    await server.client.del(key);
    await server.client.rpush(key, 'x');
  }
}

async function everything(): Promise<readonly string[]> {
  const keys = (await server.client.keys('*')).sort();
  return Promise.all(
    keys.map(async (key) => `${key} ${(await server.client.dumpBuffer(key)).toString('hex')}`),
  );
}

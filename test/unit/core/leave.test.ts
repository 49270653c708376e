import { describe, expect, it } from 'vitest';
import {
  type FoundAccount,
  type FoundServer,
  type LeaveInput,
  type LeaveItem,
  leaveItems,
  sawNothing,
  unreadOf,
} from '../../../src/core/leave.ts';
import type { Link, Topology } from '../../../src/core/model.ts';
import { answerKey, checkKey, clusterKey, reportKey } from '../../../src/hub/keys.ts';
import { A, aLook, aTopology, B, SIGN } from '../../support/documents.ts';

const aLink: Link = {
  from: B,
  fromServerId: 2,
  io: 'yes',
  sql: 'yes',
  lagSeconds: 0,
  drained: true,
  gtid: true,
  heartbeatMs: 1000,
  heard: '1',
  quietMs: 0,
  ioError: '',
  sqlError: '',
};
const START = ["SET @@default_master_connection = ''", 'START SLAVE'];

describe('leave: servers', () => {
  it('has nothing to undo on a writer that is open and replicates', () => {
    const items = ofServer(A, { [A]: server({ readOnly: false }, B) });
    expect(undo(items)).toEqual([]);
    expect(texts(items)).toContain('it accepts writes (read_only is off): nothing to undo');
  });

  it('never opens the standby, nor a server of which nobody knows whether it is one', () => {
    const closed = { [B]: server({ readOnly: true }, A) };
    for (const topology of [aTopology(), aTopology({ writer: null }), null]) {
      expect(undo(ofServer(B, closed, topology))).toEqual([]);
      expect(texts(ofServer(B, closed, topology))).toContain('leave it closed');
    }
  });

  it('opens a writer that is closed only when the other server is closed too', () => {
    const closed = { [A]: server({ readOnly: true }, B) };
    const both = { ...closed, [B]: server({ readOnly: true }, A) };
    expect(undo(ofServer(A, both))).toEqual(['SET GLOBAL read_only = 0']);
    const open = ofServer(A, { ...closed, [B]: server({ readOnly: false }, A) });
    const away = ofServer(A, closed);
    expect(undo([...open, ...away])).toEqual([]);
    expect(texts(open)).toContain(`${B} is open: open this one only when that one is closed`);
    expect(texts(away)).toContain(`${B} could not be read: open this one only`);
  });

  it('starts a link that is stopped, and says when it was parked', () => {
    const stopped = { [B]: server({ readOnly: false }, A, { io: 'no' }) };
    const parked = aTopology({ writer: B, parked: [{ on: B, from: A }] });
    const items = ofServer(B, stopped, parked);
    expect(undo(items)).toEqual(START);
    expect(texts(items)).toContain(`parked until ${A} is back`);
    expect(undo(ofServer(B, stopped, null))).toEqual(START);
  });

  it('never starts a link of a diverged pair: it would mix what each has alone', () => {
    const members = aTopology().members.map((member) =>
      member.address === A ? { ...member, state: 'diverged' as const } : member,
    );
    const topology = aTopology({ writer: B, members });
    for (const address of [A, B]) {
      const peer = address === A ? B : A;
      const items = ofServer(
        address,
        { [address]: server({ readOnly: false }, peer, { io: 'no', sql: 'no' }) },
        topology,
      );
      expect(undo(items)).toEqual([]);
      expect(texts(items)).toContain(`${A} is diverged`);
    }
  });

  it('releases locked accounts and drops those that were asked for, out of the binary log', () => {
    const accounts = [
      anAccount({ lockedBy: 'us', freeing: ["ALTER USER 'shop'@'%' ACCOUNT UNLOCK"] }),
      anAccount({ user: 'user_mmm', host: '10.%', dropping: "DROP USER 'user_mmm'@'10.%'" }),
    ];
    const items = ofServer(A, { [A]: { ...server({ readOnly: false }, B), accounts } });
    expect(items.map((item) => item.undo).filter((all) => all.length > 0)).toEqual([
      ['SET SESSION sql_log_bin = 0', "ALTER USER 'shop'@'%' ACCOUNT UNLOCK"],
      ['SET SESSION sql_log_bin = 0', "DROP USER 'user_mmm'@'10.%'"],
    ]);
  });

  it.each([
    ['somebody', 'do not name it'],
    ['unknown', 'was not read'],
  ] as const)('names an account that %s locked, and releases it not', (lockedBy, why) => {
    const items = ofServer(A, {
      [A]: { ...server({ readOnly: false }, B), accounts: [anAccount({ lockedBy })] },
    });
    expect(undo(items)).toEqual([]);
    expect(texts(items)).toMatch(new RegExp(`'shop'@'%' is locked.*${why}`));
  });

  it('says what to look for by hand where it cannot read', () => {
    expect(texts(ofServer(B, {}))).toMatch(
      /could not be read: away; look by hand: SELECT @@read_only;.*user_mmm/,
    );
    const blind = { ...server({ readOnly: true }, A), accounts: null, accountsTrouble: 'denied' };
    expect(texts(ofServer(B, { [B]: blind }))).toMatch(/accounts could not be read: denied; look by hand/);
  });
});

describe('leave: Redis', () => {
  const key = (name: string) => `mysql-${SIGN}-${name}`;
  const ancestors = ['mode', 'master', `${A}-check`, 'members'].map(key);
  const ours = ['topology', 'events', 'agent-db1'].map(key);

  it('tells our keys from those of the Perl programs, and from those of other clusters', () => {
    const keys = [...ancestors, ...ours, `mysql-${'f'.repeat(32)}-topology`];
    const [mine, theirs] = ofRedis(keys, [SIGN]);
    expect(mine?.undo).toEqual([
      `DEL ${[...ours].sort().join(' ')}`,
      `SREM mysql-clusters ${SIGN}`,
      `HDEL ${key('master')} generation since`,
    ]);
    expect(theirs?.what).toContain('keep them when you go back');
    expect(theirs?.undo).toEqual([`DEL ${[...ancestors].sort().join(' ')}`]);
  });

  it('knows every key that we write', () => {
    const all = [
      ...(['servicemode', 'primaryhost', 'secondaryhost', 'members', 'mode', 'master'] as const),
      ...(['topology', 'requests', 'events', 'reporters', 'lease', 'leader'] as const),
    ].map((name) => clusterKey(SIGN, name));
    const reports = (['facts', 'agent', 'sidecar'] as const).map((kind) =>
      reportKey(SIGN, kind, 'db1.site:2'),
    );
    const keys = [...all, ...reports, answerKey(SIGN, 'control-1'), checkKey(SIGN, A), checkKey(SIGN, B)];
    const deleted = undo(ofRedis(keys, [])).filter((command) => command.startsWith('DEL '));
    expect(deleted.flatMap((command) => command.split(' ').slice(1)).sort()).toEqual([...keys].sort());
  });

  it('deletes no key of a cluster whose uniqsign begins with this one, and none that nobody knows', () => {
    const registered = [key('agent-topology'), key('agent-agent-db1'), key('agent-master')];
    const others = [key('eu-topology'), key('eu-master'), key('eu-10.9.9.9:3306-check'), key('note "x"')];
    const items = ofRedis([...registered, ...others, key('topology')], [SIGN, `${SIGN}-agent`]);
    expect(undo(items).filter((command) => command.startsWith('DEL '))).toEqual([`DEL ${key('topology')}`]);
    const unknown = items.filter(({ what }) => what.startsWith('unknown'));
    expect(unknown.map(({ where }) => where)).toEqual([...others].sort());
  });

  it('quotes a name for redis-cli', () => {
    const found = { keys: [], masters: {}, clusters: [], complete: true };
    const items = leaveItems({ ...input({}), redis: { at: 'r', username: 'm "m\\', found, why: '' } });
    expect(undo(redisOf(items))).toEqual(['ACL DELUSER "m \\"m\\\\"']);
  });

  it('says when Redis is away, or was not read to its end', () => {
    expect(texts(redisOf(leaveItems(input({}))))).toContain('could not be read: away');
    const found = { keys: [], masters: {}, clusters: [], complete: false };
    const items = leaveItems({ ...input({}), redis: { at: 'r', username: 'mmm', found, why: '' } });
    expect(texts(redisOf(items))).toContain('too many keys');
    expect(undo(redisOf(items))).toEqual(['ACL DELUSER mmm']);
  });
});

it('leave comes in the order in which it is done: daemons, servers, Redis, files', () => {
  const file = { path: '/etc/haproxy/haproxy.cfg', what: 'rendered', undo: [] };
  const items = leaveItems({ ...input({}), files: [file] });
  expect([...new Set(items.map(({ place }) => place))]).toEqual(['daemons', 'server', 'redis', 'files']);
});

describe('leave: what could not be read', () => {
  it('names servers, accounts and Redis', () => {
    const blind = { ...server({ readOnly: true }, A), accounts: null, accountsTrouble: 'denied' };
    expect(unreadOf(input({ [B]: blind }))).toEqual([
      `${A} could not be read: away`,
      `accounts of ${B} could not be read: denied`,
      'Redis at 10.0.21.17:6379 could not be read: away',
    ]);
  });

  it('is everything only without any server and without Redis', () => {
    expect(sawNothing(input({}))).toBe(true);
    expect(sawNothing(input({ [B]: server({ readOnly: true }, A) }))).toBe(false);
    const found = { keys: [], masters: {}, clusters: [], complete: true };
    expect(sawNothing({ ...input({}), redis: { at: 'r', username: null, found, why: '' } })).toBe(false);
  });
});

function anAccount(over: Partial<FoundAccount>): FoundAccount {
  return { user: 'shop', host: '%', lockedBy: 'nobody', freeing: [], dropping: '-', ...over };
}

function server(over: { readonly readOnly: boolean }, from: string, link: Partial<Link> = {}): FoundServer {
  return {
    look: aLook({ ...over, links: [{ ...aLink, from, ...link }] }),
    links: [{ from, starting: START }],
    accounts: [],
    accountsTrouble: '',
  };
}

function input(
  found: Readonly<Record<string, FoundServer>>,
  topology: Topology | null = aTopology(),
): LeaveInput {
  const members = [A, B].map((address) => ({ address, found: found[address] ?? null, why: 'away' }));
  return {
    clusters: [{ tag: 'mysql3308', uniqsign: SIGN, members, topology }],
    accounts: [{ user: 'user_mmm', purpose: 'of the daemons' }],
    redis: { at: '10.0.21.17:6379', username: null, found: null, why: 'away' },
    files: [],
  };
}

function ofServer(
  address: string,
  found: Readonly<Record<string, FoundServer>>,
  topology: Topology | null = aTopology(),
): readonly LeaveItem[] {
  return leaveItems(input(found, topology)).filter(
    ({ place, where }) => place === 'server' && where === address,
  );
}

function ofRedis(keys: readonly string[], clusters: readonly string[]): readonly LeaveItem[] {
  const masters = { [`mysql-${SIGN}-master`]: ['host', 'generation', 'since', 'somebody'] };
  const found = { keys, masters, clusters, complete: true };
  const redis = { at: '10.0.21.17:6379', username: null, found, why: '' };
  return redisOf(leaveItems({ ...input({}), redis }));
}

function redisOf(items: readonly LeaveItem[]): readonly LeaveItem[] {
  return items.filter(({ place }) => place === 'redis');
}

function undo(items: readonly LeaveItem[]): readonly string[] {
  return items.flatMap((item) => item.undo);
}

function texts(items: readonly LeaveItem[]): string {
  return items.map(({ what }) => what).join('\n');
}

import { describe, expect, it } from 'vitest';
import { type FoundServer, type LeaveInput, type LeaveItem, leaveItems } from '../../../src/core/leave.ts';
import type { Link, Topology } from '../../../src/core/model.ts';
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

  it('opens the standby only with a warning', () => {
    const [item] = ofServer(B, { [B]: server({ readOnly: true }, A) });
    expect(item).toMatchObject({ undo: ['SET GLOBAL read_only = 0'] });
    expect(item?.what).toContain('lets both be written');
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
      { user: 'shop', host: '%', freeing: ["ALTER USER 'shop'@'%' ACCOUNT UNLOCK"], dropping: '-' },
      { user: 'user_mmm', host: '10.%', freeing: [], dropping: "DROP USER 'user_mmm'@'10.%'" },
    ];
    const items = ofServer(A, { [A]: { ...server({ readOnly: false }, B), accounts } });
    expect(items.map((item) => item.undo).filter((all) => all.length > 0)).toEqual([
      ['SET SESSION sql_log_bin = 0', "ALTER USER 'shop'@'%' ACCOUNT UNLOCK"],
      ['SET SESSION sql_log_bin = 0', "DROP USER 'user_mmm'@'10.%'"],
    ]);
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

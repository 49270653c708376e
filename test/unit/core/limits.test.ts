import { describe, expect, it } from 'vitest';
import { setupLimits } from '../../../src/core/limits.ts';
import type { History, Place, Policy } from '../../../src/core/model.ts';
import type { Situation } from '../../../src/core/situation.ts';
import {
  A,
  B,
  cluster,
  lease,
  link,
  look,
  policy,
  sidecar,
  situation,
  stable,
  up,
  word,
} from '../../support/world.ts';

const opened = word({ did: 'opened', look: look(A, B, { readOnly: false }), startsClosed: true });
const words = { [A]: opened, [B]: word({ startsClosed: true }) };
const alone = stable({ sidecars: [], routedBySidecars: false });
const site = (over: Parameters<typeof situation>[0] = {}, set: Partial<Policy> = {}): Situation =>
  situation({ cluster: { ...cluster, policy: { ...policy, ...set } }, words, ...over });

/** The agent says that it blocks accounts. */
function blocking(s: Situation): Situation {
  const agents = new Map([...s.agents].map(([address, one]) => [address, { ...one, blocks: true }]));
  return { ...s, agents };
}

describe('clients that choose a server by themselves', () => {
  const stranded = (s: Situation) => setupLimits(s).filter((limit) => limit.includes('stuck'));

  it('would be stuck without a sidecar and without blocked accounts; the ways out are named', () => {
    const [limit, ...more] = stranded(site({ topology: alone }));
    expect(more).toEqual([]);
    for (const way of ['mmm-sidecar', 'block_user and block_host in mmm-agent.conf', 'failback=auto']) {
      expect(limit).toContain(way);
    }
  });

  it('would be stuck for a while with failback=auto, which is then no further way out', () => {
    const [limit] = stranded(site({ topology: alone }, { failback: 'auto' }));
    expect(limit).toContain('for 60 s (auto_set_online)');
    expect(limit).not.toContain('failback=auto');
    expect(stranded(site({ topology: alone }, { failback: 'auto', autoSetOnlineMs: 0 }))[0]).toContain(
      'failback=auto',
    );
  });

  it('are fine with a sidecar, and with blocked accounts', () => {
    expect(stranded(site())).toEqual([]);
    expect(stranded(blocking(site({ topology: alone })))).toEqual([]);
  });

  it('are not spoken of before the agent has reported', () => {
    expect(stranded(site({ topology: alone, words: {} }))).toEqual([]);
  });
});

describe('a returning server', () => {
  const compared = (s: Situation) => setupLimits(s).filter((limit) => limit.includes('compared'));
  const pair = (a: History, b: History) =>
    site({
      health: new Map([
        [A, up(look(A, B, { readOnly: false, history: a }))],
        [B, up(look(B, A, { history: b }))],
      ]),
    });
  const end = { file: 'bin.000001', pos: 120 };
  const binlog = (serverId: number, applied: Readonly<Record<string, Place>>): History => ({
    kind: 'binlog',
    serverId,
    address: serverId === 1 ? A : B,
    end,
    own: null,
    unknown: '',
    lost: null,
    applied,
  });
  const gtid: History = { kind: 'mysql', executed: '', uuid: '' };

  it('could not be compared where only one has GTIDs, or where a link is missing without them', () => {
    expect(compared(pair(binlog(1, { '2': end }), gtid))).toEqual([
      expect.stringContaining('gtid_mode alike'),
    ]);
    expect(compared(pair(binlog(1, {}), binlog(2, { '1': end })))).toEqual([
      expect.stringContaining('CHANGE MASTER TO on both'),
    ]);
  });

  it('can be where both have GTIDs, or both replicate', () => {
    expect(compared(site())).toEqual([]);
    expect(compared(pair(gtid, gtid))).toEqual([]);
    expect(compared(pair(binlog(1, { '2': end }), binlog(2, { '1': end })))).toEqual([]);
  });
});

it('a crash of a writer with a lease is slow where it is not known to start closed', () => {
  const held = lease({ agent: 'agent-a', armed: true });
  const unknown = { ...words, [A]: { ...opened, local: true, startsClosed: null } };
  expect(setupLimits(site({ lease: held }))).toEqual([]);
  expect(setupLimits(site({ lease: held, words: unknown }))).toEqual([
    expect.stringContaining('only after 6.5 s'),
  ]);
});

describe('a dead host', () => {
  const dead = (s: Situation) => setupLimits(s).filter((limit) => limit.includes('dead host'));

  it('fails over with a live sidecar, and where none was ever registered', () => {
    expect(dead(site())).toEqual([]);
    expect(dead(site({ topology: alone }))).toEqual([]);
  });

  it('does not with fencing=strict, nor does a crash: the ways out are named', () => {
    const [limit] = dead(site({}, { fencing: 'strict' }));
    expect(limit).toContain('a crash of');
    expect(limit).toContain('this= in mmm-agent.conf');
    expect(limit).toContain('fence_cmd');
  });

  it('does with a lease or fence_cmd, whatever the fencing', () => {
    const held = lease({ agent: 'agent-a', armed: true });
    expect(dead(site({ lease: held }, { fencing: 'strict' }))).toEqual([]);
    const strict = site({}, { fencing: 'strict' });
    expect(dead({ ...strict, cluster: { ...strict.cluster, canFence: true } })).toEqual([]);
  });

  it('does not where the agent beside the writer holds no armed lease', () => {
    const beside = { ...words, [A]: { ...opened, local: true } };
    const unarmed = site({ words: beside, lease: lease({ agent: 'agent-a' }) }, { fencing: 'strict' });
    expect(dead(unarmed)).toEqual([expect.stringContaining('its log says why')]);
  });

  it('does not once every sidecar has left', () => {
    const topology = stable({ sidecars: [], routedBySidecars: true });
    expect(dead(site({ topology }))).toEqual([expect.stringContaining('Start mmm-sidecar again')]);
    expect(dead(site({ topology }, { fencing: 'none' }))).toEqual([]);
  });

  it('does not while a registered sidecar is silent', () => {
    const sidecars = [{ ...sidecar('proxy1', 42, 'routed'), ageMs: 3001 }];
    expect(dead(site({ sidecars }))).toEqual([expect.stringContaining('mmm-control forget proxy1')]);
  });

  it.each([
    [5000, []],
    [5500, [expect.stringContaining('after 11 s')]],
    [0, [expect.stringContaining('slave_net_timeout')]],
  ])('is missed by the standby after two heartbeats of %i ms', (heartbeatMs, expected) => {
    const health = new Map([
      [A, up(look(A, B, { readOnly: false }))],
      [B, up(look(B, A, { links: [link(A, { heartbeatMs })] }))],
    ]);
    expect(dead(site({ health }))).toEqual(expected);
  });
});

it('nothing is said before everybody had time to report, nor in a handover', () => {
  expect(setupLimits(site({ topology: alone, watchedMs: 4999 }))).toEqual([]);
  expect(setupLimits(site({ topology: alone, watchedMs: 5000 }))).not.toEqual([]);
  expect(setupLimits(site({ topology: { ...alone, phase: 'closing', writer: null } }))).toEqual([]);
});

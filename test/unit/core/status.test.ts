import { describe, expect, it } from 'vitest';
import type { AgentReport, LegacyCheck, MemberReport, Topology } from '../../../src/core/model.ts';
import { clusterStatus, type StatusInput } from '../../../src/core/status.ts';
import { exitCode } from '../../../src/core/verdict.ts';
import {
  A,
  anAgentReport,
  aPolicy,
  aProbe,
  aSidecarReport,
  aTopology,
  B,
  SIGN,
  someFacts,
} from '../../support/documents.ts';

const NOW_S = 1_763_630_000;

function check(over: Partial<LegacyCheck> = {}): LegacyCheck {
  const last_check = String(NOW_S - 1);
  return { ping: '1', repl_check: 'OK', read_only: '1', delay_sec: '0', conn_nums: '0', last_check, ...over };
}

function input(over: Partial<StatusInput> = {}): StatusInput {
  return {
    tag: 'mysql3308',
    uniqsign: SIGN,
    masters: [A, B],
    topology: aTopology(),
    topologyStored: true,
    legacy: { active: A, passive: B, masterHost: A },
    checks: new Map([
      [A, check({ read_only: '0' })],
      [B, check()],
    ]),
    facts: [someFacts()],
    agents: [anAgentReport()],
    sidecars: [],
    lease: null,
    leader: { id: 'identify1', counter: 7, ageMs: 200 },
    redisNowMs: NOW_S * 1000,
    canFence: false,
    complaints: [],
    nowEpochMs: NOW_S * 1000,
    noWriterSinceEpochMs: null,
    writePauseMs: 2000,
    ...over,
  };
}

const withB = (fields: Partial<LegacyCheck>) =>
  new Map([
    [A, check({ read_only: '0' })],
    [B, check(fields)],
  ]);
const withA = (fields: Partial<LegacyCheck>) =>
  new Map([
    [A, check({ read_only: '0', ...fields })],
    [B, check()],
  ]);

function verdict(over: Partial<StatusInput>): { health: string; reasons: string } {
  const { health, reasons } = clusterStatus(input(over));
  return { health, reasons: reasons.join('; ') };
}

function agentSays(address: string, word: Partial<MemberReport>): AgentReport {
  const quiet = {
    did: 'watching',
    detail: '',
    look: null,
    startsClosed: null,
    tookMs: 0,
    accounts: '',
    local: false,
    lockedMs: 0,
    termMs: 0,
  } as const;
  return anAgentReport({ members: { [address]: { generation: 42, step: 0, ...quiet, ...word } } });
}

describe('a cluster', () => {
  it('is ok when its writer writes and the others follow', () => {
    expect(verdict({})).toEqual({ health: 'ok', reasons: '' });
  });

  it('is degraded by a member that is dead, not replicating, unattended, or not looked at', () => {
    const cases: readonly [Partial<StatusInput>, string][] = [
      [{ checks: withB({ ping: '0', repl_check: 'Error', read_only: '-1' }) }, `${B} is dead`],
      [{ checks: withB({ repl_check: 'Error' }) }, `${B} is not replicating`],
      [{ checks: withB({ last_check: String(NOW_S - 30) }) }, `the last check of ${B} is 30 s old`],
      [{ checks: new Map([[A, check({ read_only: '0' })]]) }, `${B} was never checked`],
      [{ agents: [anAgentReport({ serves: [A] })] }, `nobody attends ${B}`],
      [
        { sidecars: [aSidecarReport({ did: 'failed', detail: 'no socket' })] },
        'sidecar sidecar1 failed: no socket',
      ],
      [
        { sidecars: [aSidecarReport({ did: 'routed', detail: 'haproxy: haproxy is not running' })] },
        'sidecar sidecar1: haproxy: haproxy is not running',
      ],
    ];
    for (const [over, words] of cases) {
      const { health, reasons } = verdict(over);
      expect({ health, reasons }).toEqual({ health: 'degraded', reasons: expect.stringContaining(words) });
    }
  });

  it('names a dead server first, and nothing that merely follows from it', () => {
    const checks = new Map([
      [A, check({ read_only: '0', repl_check: 'Error' })],
      [B, check({ ping: '0', repl_check: 'Error', read_only: '-1' })],
    ]);
    const members = aTopology().members.map((member) =>
      member.address === B ? { ...member, state: 'offline' as const } : member,
    );
    const status = clusterStatus(input({ checks, topology: aTopology({ members }) }));
    expect(status.reasons).toEqual([`${B} is dead`]);
  });

  it('is degraded while somebody else names another writer in the keys', () => {
    const { health, reasons } = verdict({ legacy: { active: B, passive: A, masterHost: B } });
    expect(health).toBe('degraded');
    expect(reasons).toBe(
      `somebody wrote ${B} into the ancestor's keys: is a Perl mmm-identify still running?`,
    );
    expect(verdict({ legacy: { active: null, passive: null, masterHost: null } }).health).toBe('ok');
  });

  it('is degraded by accounts that could not be locked or released, with what to do', () => {
    const accounts = `accounts of ${B} could not be locked: SELECT command denied; run: GRANT ...`;
    expect(verdict({ agents: [agentSays(B, { did: 'closed', accounts })] })).toEqual({
      health: 'degraded',
      reasons: accounts,
    });
  });

  it('is not degraded by lag, a pause, or a check that is 29 s old', () => {
    expect(verdict({ checks: withB({ repl_check: 'Delay 7 Seconds', delay_sec: '7' }) }).health).toBe('ok');
    expect(verdict({ checks: withB({ last_check: String(NOW_S - 29) }) }).health).toBe('ok');
    const paused = clusterStatus(
      input({ topology: aTopology({ paused: { by: 'root@host', untilMs: null } }) }),
    );
    expect(paused).toMatchObject({ health: 'ok', paused: 'root@host' });
    expect(paused.notes.join()).toContain('paused by root@host');
  });

  it('says that primaryhost will get its role back, where a failover took it and failback=auto', () => {
    const after = { writer: B, from: A, to: B, failedOver: true };
    const notes = (over: Partial<Topology>) =>
      clusterStatus(input({ topology: aTopology(over) })).notes.join();
    const auto = { ...aPolicy, failback: 'auto' } as const;
    expect(notes({ ...after, policy: auto })).toContain(`${A} gets its role back once`);
    expect(notes({ ...after, policy: auto, failedOver: false })).not.toContain('gets its role back');
    expect(notes(after)).not.toContain('gets its role back');
  });

  it('is degraded by a diverged member, with the number of transactions', () => {
    const members = aTopology().members.map((m) =>
      m.address === B ? ({ ...m, state: 'diverged', extra: { count: 1, list: '0-1-7' } } as const) : m,
    );
    const { health, reasons } = verdict({ topology: aTopology({ members }) });
    expect(health).toBe('degraded');
    expect(reasons).toBe(`${B} is diverged: it holds 1 transaction that the writer lacks`);
  });

  it('says that a member is alive when only its password is wrong', () => {
    const probe = aProbe({ status: 'faulty', look: null, reason: 'access denied for mmm: GRANT ...' });
    const facts = [someFacts({ members: { [A]: aProbe(), [B]: probe } })];
    const { reasons } = verdict({ facts, checks: withB({ ping: '0' }) });
    expect(reasons).toContain(`${B} is alive but cannot be looked at: access denied`);
  });

  it('is critical when two accept writes, also without a topology', () => {
    const checks = withB({ read_only: '0' });
    expect(verdict({ checks })).toMatchObject({
      health: 'critical',
      reasons: expect.stringContaining(`${A}, ${B}`),
    });
    expect(verdict({ checks, topology: null, topologyStored: false }).health).toBe('critical');
    const old = withB({ read_only: '0', last_check: String(NOW_S - 31) });
    expect(verdict({ checks: old }).health).toBe('degraded');
  });

  it('is critical when the writer is read-only, or dead for longer than the write pause budget', () => {
    expect(verdict({ checks: withA({ read_only: '1' }) }).health).toBe('critical');
    const dead = withA({ ping: '0', read_only: '-1' });
    const facts = (forMs: number) => {
      const probe = aProbe({
        status: 'refused',
        forMs,
        failures: 3,
        reason: 'connection refused',
        look: null,
      });
      return [someFacts({ members: { [A]: probe, [B]: aProbe() } })];
    };
    expect(verdict({ checks: dead, facts: facts(2000) }).health).toBe('degraded');
    expect(verdict({ checks: dead, facts: facts(2001) }).health).toBe('critical');
    expect(verdict({ checks: dead, facts: [] }).health).toBe('critical');
  });

  it('says why a dead writer is not replaced, where the documents tell', () => {
    const dead = aProbe({ status: 'refused', forMs: 9000, look: null, reason: 'nobody listens' });
    const base = {
      checks: withA({ ping: '0', read_only: '-1' }),
      facts: [someFacts({ members: { [A]: dead, [B]: aProbe() } })],
    };
    const reasons = (over: Partial<Topology>, more: Partial<StatusInput> = {}) =>
      verdict({ ...base, topology: aTopology(over), ...more }).reasons;
    const diverged = aTopology().members.map((m) =>
      m.address === B ? ({ ...m, state: 'diverged' } as const) : m,
    );
    const strict = { policy: { ...aPolicy, fencing: 'strict' } } as const;
    expect(reasons({})).toMatch(/^the writer \S+ is dead: nobody listens;? ?[^;]*$/);
    expect(reasons({})).not.toContain('failover');
    expect(reasons({ paused: { by: 'root@host', untilMs: null } })).toContain(
      'no failover until resume, paused by root@host',
    );
    expect(reasons({ members: diverged })).toContain(`nobody can take over: ${B} is diverged`);
    expect(reasons(strict)).toContain('no failover: with fencing=strict');
    expect(reasons(strict, { agents: [agentSays(A, { startsClosed: true })] })).not.toContain('fencing');
    const registered = { routedBySidecars: true, sidecars: ['lb1'] };
    expect(reasons(registered)).toContain('no failover: with fencing=routed');
    const live = [aSidecarReport({ id: 'lb1' })];
    expect(reasons(registered, { sidecars: live })).not.toContain('fencing');
    expect(reasons({ routedBySidecars: true })).toContain('no failover: with fencing=routed');
  });

  it('is degraded in a handover, critical beyond the write pause budget or when halted', () => {
    const closing = { phase: 'closing', kind: 'switchover', from: A, to: B, writer: null } as const;
    const topology = aTopology(closing);
    const at = (ms: number) => verdict({ topology, noWriterSinceEpochMs: NOW_S * 1000 - ms });
    expect(at(2000)).toEqual({
      health: 'degraded',
      reasons: `switchover from ${A} to ${B} is closing (generation 42); waiting for mmm-agent to close ${A}: no word from it yet`,
    });
    expect(at(2001).health).toBe('critical');
    expect(at(-500).health).toBe('degraded');
    expect(verdict({ topology }).health).toBe('critical');
    const halted: Partial<Topology> = { phase: 'halted', writer: null, reason: 'B lacks data' };
    expect(verdict({ topology: aTopology(halted) })).toMatchObject({
      health: 'critical',
      reasons: expect.stringContaining('B lacks data'),
    });
  });

  it('says what a handover waits for: the agent with its reason, and the sidecars that have not cut', () => {
    const closing = { phase: 'closing', kind: 'failover', from: A, to: B, writer: null } as const;
    const topology = aTopology({ ...closing, sidecars: ['lb1', 'lb2'], routedBySidecars: true });
    const dead = aProbe({ status: 'silent', look: null, reason: 'no answer' });
    const facts = [someFacts({ members: { [A]: dead, [B]: aProbe() } })];
    const sidecars = [
      aSidecarReport({ id: 'lb1', did: 'cut' }),
      aSidecarReport({ id: 'lb2', did: 'cut', generation: 41 }),
    ];
    const agents = [agentSays(A, { did: 'unreachable', detail: `${A}: no answer within 1000 ms` })];
    const words = (over: Partial<StatusInput>) => verdict({ topology, facts, sidecars, agents, ...over });
    expect(words({}).reasons).toContain(
      `waiting for mmm-agent to close ${A}: unreachable, ${A}: no answer within 1000 ms`,
    );
    expect(words({}).reasons).toContain('waiting for sidecar lb2 to cut the old writer off');
    expect(words({}).reasons).not.toContain('lb1');
    const failed = agentSays(A, { did: 'close-failed', detail: 'somebody else set read_only back to 0' });
    expect(words({ agents: [failed] }).reasons).toContain('close-failed, somebody else set read_only back');
    const old = agentSays(A, { did: 'closed', generation: 41 });
    expect(words({ agents: [old] }).reasons).toContain('no word from it yet');
  });

  it('waits for no sidecar where its cut proves nothing: the old writer is alive, or fencing is strict', () => {
    const closing = { phase: 'closing' as const, from: A, to: B, writer: null, sidecars: ['lb1'] };
    const alive = verdict({ topology: aTopology({ ...closing, kind: 'switchover' }) });
    expect(alive.reasons).not.toContain('sidecar lb1');
    const dead = aProbe({ status: 'refused', look: null });
    const facts = [someFacts({ members: { [A]: dead, [B]: aProbe() } })];
    const policy = { ...aPolicy, fencing: 'strict' } as const;
    const strict = verdict({ topology: aTopology({ ...closing, kind: 'failover', policy }), facts });
    expect(strict.reasons).not.toContain('sidecar lb1');
    expect(strict.reasons).toContain(`waiting for mmm-agent to close ${A}`);
  });

  it('says that no sidecar is left to prove the cut, once the last was forgotten', () => {
    const closing = { phase: 'closing', kind: 'failover', from: A, to: B, writer: null } as const;
    const dead = aProbe({ status: 'silent', look: null });
    const facts = [someFacts({ members: { [A]: dead, [B]: aProbe() } })];
    const { reasons } = verdict({ topology: aTopology({ ...closing, routedBySidecars: true }), facts });
    expect(reasons).toContain('no sidecar is registered that could cut the old writer off');
  });

  it('says what opening and halted wait for', () => {
    const opening = { phase: 'opening', kind: 'failover', from: A, to: B, writer: null } as const;
    const words = (agents: StatusInput['agents']) =>
      verdict({ topology: aTopology(opening), agents }).reasons;
    expect(words([])).toContain(`waiting for mmm-agent to open ${B}: no word from it yet`);
    expect(words([agentSays(B, { did: 'open-failed', detail: 'the applier stopped' })])).toContain(
      `waiting for mmm-agent to open ${B}: open-failed, the applier stopped`,
    );
    const halted = { ...opening, phase: 'halted', reason: 'the applier stopped' } as const;
    const { reasons } = verdict({ topology: aTopology(halted) });
    expect(reasons).toContain('nobody may write: the applier stopped');
    expect(reasons).toContain(`waiting until that is mended, or ${A} is back with everything`);
  });

  it('names a handover once, also when it takes too long', () => {
    const closing = { phase: 'closing', kind: 'failover', from: A, to: B, writer: null } as const;
    const { reasons } = verdict({ topology: aTopology(closing) });
    expect(reasons.split('is closing')).toHaveLength(2);
  });

  it('is unknown when its topology is gone or cannot be understood, and still shows the last pair', () => {
    const legacy = { active: B, passive: A, masterHost: B };
    const gone = { topology: null, topologyStored: false, legacy };
    const { health, members, generation, reasons } = clusterStatus(
      input({ ...gone, agents: [anAgentReport({ floor: 42 })] }),
    );
    expect({ health, generation }).toEqual({ health: 'unknown', generation: null });
    expect(reasons.join()).toContain('the topology is gone from Redis, generation 42 was seen before');
    expect(verdict({ ...gone, topologyStored: true })).toEqual({
      health: 'unknown',
      reasons: 'the topology cannot be understood: is a newer version at work?',
    });
    expect(members.map(({ address, role }) => [address, role])).toEqual([
      [B, 'writer'],
      [A, 'standby'],
    ]);
  });

  it('shows the last writer as active while nobody writes', () => {
    const topology = aTopology({ phase: 'closing', from: B, to: A, writer: null });
    const status = clusterStatus(input({ topology, legacy: { active: B, passive: A, masterHost: B } }));
    expect(status.members[0]?.address).toBe(B);
    expect(status.writer).toBeNull();
  });

  it('has as many members as the topology, and lists sidecars that are silent', () => {
    const third = { address: '10.0.21.9:3308', role: 'standby', kind: 'master', state: 'online' } as const;
    const topology = aTopology({ members: [...aTopology().members, third], sidecars: ['lb2'] });
    const status = clusterStatus(input({ topology, sidecars: [aSidecarReport({ id: 'lb1' })] }));
    expect(status.members).toHaveLength(3);
    expect(status.sidecars.map(({ id, registered, did }) => [id, registered, did])).toEqual([
      ['lb1', false, 'routed'],
      ['lb2', true, null],
    ]);
    expect(status.notes.join()).toContain('mmm-control forget lb2');
  });

  it('says that the last handover rests on a weak proof', () => {
    expect(clusterStatus(input({ topology: aTopology({ proof: 'f' }) })).notes.join()).toContain('proof (f)');
    expect(clusterStatus(input({ topology: aTopology({ proof: 'a', policy: aPolicy }) })).notes).toEqual([]);
  });
});

describe("a cluster where only the ancestor's programs run", () => {
  const alone = {
    ...{ topology: null, topologyStored: false, facts: [], agents: [] },
    legacy: { active: A, passive: B, masterHost: A },
  } as const;

  it('is ok when the only member that accepts writes is the one its keys name, and says who decides', () => {
    const status = clusterStatus(input(alone));
    expect(status).toMatchObject({ health: 'ok', reasons: [], writer: A, generation: null, phase: null });
    expect(status.notes.join()).toContain('only the Perl mmm-identify decides: there is no topology');
  });

  it('is critical with two writers, with none, or with another than the keys name', () => {
    const cases: readonly [Partial<StatusInput>, string][] = [
      [{ checks: withB({ read_only: '0' }) }, '2 members accept writes at once'],
      [{ checks: withA({ read_only: '1' }) }, `nobody may write: ${A} does not accept writes, and no other`],
      [{ checks: withA({ ping: '0', read_only: '-1' }) }, 'nobody may write'],
      [
        { legacy: { active: B, passive: A, masterHost: B } },
        `${A} accepts writes, but the keys name ${B} as the writer`,
      ],
    ];
    for (const [over, words] of cases) {
      const { health, reasons } = verdict({ ...alone, ...over });
      expect({ health, reasons }).toEqual({ health: 'critical', reasons: expect.stringContaining(words) });
    }
  });

  it('is degraded where a check is old or missing, a member is ill, or the keys disagree', () => {
    const cases: readonly [Partial<StatusInput>, string][] = [
      [{ checks: withA({ last_check: String(NOW_S - 30) }) }, `the last check of ${A} is 30 s old`],
      [{ checks: new Map([[A, check({ read_only: '0' })]]) }, `${B} was never checked`],
      [{ checks: new Map() }, `${A} was never checked`],
      [{ checks: withB({ ping: '0', read_only: '-1', repl_check: 'Error' }) }, `${B} is dead`],
      [{ checks: withB({ repl_check: 'Error' }) }, `${B} is not replicating`],
      [
        { legacy: { active: B, passive: A, masterHost: A } },
        `mysql-${SIGN}-mode names ${B}, mysql-${SIGN}-master names ${A}`,
      ],
      [
        { sidecars: [aSidecarReport({ floor: 0, did: 'failed', detail: 'no socket' })] },
        'sidecar sidecar1 failed: no socket',
      ],
      [{ agents: [anAgentReport({ floor: 0 })] }, 'is mmm-identify running?'],
    ];
    for (const [over, words] of cases) {
      const { health, reasons } = verdict({ ...alone, ...over });
      expect({ health, reasons }).toEqual({ health: 'degraded', reasons: expect.stringContaining(words) });
    }
  });

  it('is unknown only where no key names a writer', () => {
    const nobody = { active: null, passive: null, masterHost: null };
    expect(verdict({ ...alone, legacy: nobody })).toEqual({
      health: 'unknown',
      reasons: expect.stringContaining('nothing was decided yet'),
    });
    expect(verdict({ ...alone, legacy: { ...nobody, active: A } }).health).toBe('degraded');
    expect(verdict({ ...alone, legacy: { ...nobody, masterHost: A } }).health).toBe('degraded');
  });
});

it('the worst exit code wins in the order 2, 3, 1, 0', () => {
  expect(exitCode(['ok', 'ok'])).toBe(0);
  expect(exitCode(['ok', 'degraded'])).toBe(1);
  expect(exitCode(['degraded', 'unknown'])).toBe(3);
  expect(exitCode(['unknown', 'critical', 'degraded'])).toBe(2);
  expect(exitCode([])).toBe(3);
});

describe('who decides, and who works on what', () => {
  it('is degraded when nobody decides', () => {
    const leader = { id: 'vm1', counter: 7, ageMs: 5000 };
    expect(verdict({ leader }).health).toBe('ok');
    expect(verdict({ leader: { ...leader, ageMs: 40_000 } })).toEqual({
      health: 'degraded',
      reasons: 'nobody decides: mmm-identify vm1 was last seen 40 s ago, is it running?',
    });
    expect(verdict({ leader: null }).health).toBe('degraded');
  });

  it('is not degraded by a member in maintenance, dead or not, and says until when', () => {
    const members = aTopology().members.map((m) =>
      m.address === B
        ? {
            ...m,
            state: 'maintenance' as const,
            maintenance: { by: 'root@db', untilMs: NOW_S * 1000 + 60_000 },
          }
        : m,
    );
    const topology = aTopology({ members });
    const status = clusterStatus(input({ topology, checks: withB({ ping: '0', repl_check: 'Error' }) }));
    expect(status.health).toBe('ok');
    expect(status.notes).toContain(
      `${B} is in maintenance by root@db for another 60 s: nobody fails over to it`,
    );
  });

  it('says how far the promotion lock has come while an armed lease is waited for', () => {
    const topology = aTopology({
      phase: 'closing',
      kind: 'failover',
      writer: null,
      from: A,
      to: B,
      generation: 43,
    });
    const lease = {
      holder: A,
      generation: 42,
      counter: 9,
      agent: 'agent1',
      armed: true,
      released: false,
      incarnation: 'run1',
    };
    const { reasons } = verdict({
      topology,
      lease,
      agents: [agentSays(B, { generation: 43, lockedMs: 2100 })],
    });
    expect(reasons).toContain(
      `the lease of ${A} has surely ended: the promotion lock on ${B} is held for 2.1 s of 6.5 s`,
    );
    expect(verdict({ topology, lease: { ...lease, armed: false } }).reasons).not.toContain('surely ended');
  });
});

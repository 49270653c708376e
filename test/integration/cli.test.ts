import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentReport, Answer, Hazards, Link, MemberReport, Topology } from '../../src/core/model.ts';
import { clusterKey } from '../../src/hub/keys.ts';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import type { Commit, Hub } from '../../src/ports.ts';
import { type Build, build } from '../support/build.ts';
import {
  A,
  aLook,
  anAgentReport,
  anEvent,
  aProbe,
  aRequest,
  aSidecarReport,
  aTopology,
  B,
  SIGN,
  someFacts,
} from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { freePorts, tempDir } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const PASSWORD = 'hub word';
let built: Build;
let server: RedisServer;
let hub: Hub;
let dir: Awaited<ReturnType<typeof tempDir>>;
let conf: string;
let conf2: string;

beforeAll(async () => {
  [built, server, dir] = await Promise.all([build(), startRedis({ password: PASSWORD }), tempDir('cli')]);
  hub = createRedisHub({ host: server.host, port: server.port, password: PASSWORD });
  conf = await configuration('mmm.conf', section('mysql3308', SIGN, A, B));
  const other = section('other', 'f'.repeat(32), '10.0.21.8:3306', '10.0.21.9:3306');
  conf2 = await configuration('two.conf', section('mysql3308', SIGN, A, B) + other);
});
afterAll(async () => {
  await hub.close();
  await server[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
  await built[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await server.client.flushall();
});

describe('mmm-status', () => {
  it('prints the lines of the ancestor first', async () => {
    await healthy();
    const { stdout, exitCode } = await status();
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'Current multi master status:',
      '[mysql3308]',
      `  active: ${A}(alive readonly: 0, replcheck: OK)`,
      `  +- passive: ${B}(alive readonly: 1, replcheck: OK)`,
    ]);
    expect(stdout).toContain('  health: ok, generation 42 stable\n');
    expect(exitCode).toBe(0);
  });

  it('is quick to start', async () => {
    const whole: number[] = [];
    for (let i = 0; i < 6; i++) whole.push(await elapsed(() => status()));
    const best = Math.min(...whole);
    console.log(`mmm-status, start to finish: ${Math.round(best)} ms (best of ${whole.length}, target 200)`);
    expect(best).toBeLessThan(2000);
  });

  it('says how old a check is, that a member is dead, diverged or unattended, and exits 1', async () => {
    await healthy({ age: 40, standby: { ping: '0', repl_check: 'Error', read_only: '-1' } });
    const extra = { count: 3, list: '0-1-12,0-1-13,0-1-14' };
    await change((t) => ({
      ...t,
      parked: [{ on: A, from: B }],
      members: t.members.map((m) => (m.address === B ? { ...m, state: 'diverged', extra } : m)),
    }));
    await hub.putAgentReport(SIGN, anAgentReport({ serves: [A] }));
    const { stdout, exitCode } = await status();
    // A second may pass between the two programs.
    expect(stdout).toMatch(
      new RegExp(`  active: ${A}\\(alive at 4[0-3] seconds ago readonly: 0, replcheck: OK\\)\n`),
    );
    expect(stdout).toContain(`  +- passive: ${B}(dead readonly: -1, replcheck: Error)\n`);
    expect(stdout).toContain(`! ${B} is diverged: it holds up to 3 transactions that the writer lacks`);
    expect(stdout).toContain(`diverged: ${B}, too many: 0-1-12,0-1-13,0-1-14`);
    expect(stdout).toContain(`parked: ${A} does not replicate from ${B}`);
    expect(stdout).toContain(`! nobody attends ${B}`);
    expect(exitCode).toBe(1);
  });

  it('exits 2 when nobody may write, or two accept writes', async () => {
    await healthy({ standby: { read_only: '0' } });
    expect(await status()).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('2 members accept writes'),
    });
    await healthy();
    await change((t) => ({ ...t, phase: 'halted', writer: null, reason: 'B lacks data' }));
    expect(await status()).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('B lacks data') });
  });

  it('exits 1 during a handover, 2 when it lasts longer than the write pause budget', async () => {
    await healthy();
    const closing = {
      phase: 'closing',
      generation: 43,
      kind: 'failover',
      from: A,
      to: B,
      writer: null,
    } as const;
    await change((t) => ({ ...t, ...closing }), [anEvent()]);
    expect(await status()).toMatchObject({ exitCode: 1, stdout: expect.stringContaining(`active: ${A}(`) });
    await server.client.del(clusterKey(SIGN, 'events'));
    const old = `${Date.now() - 60_000}-0`;
    await server.client.xadd(clusterKey(SIGN, 'events'), old, 'phase', 'closing', 'generation', '43');
    expect(await status()).toMatchObject({
      exitCode: 2,
      stdout: expect.stringMatching(/nobody may write for 6[0-9] s/),
    });
  });

  it('exits 3 when nothing is known: no topology, no Redis, no such tag; the worst of all clusters counts', async () => {
    const nothing = await status();
    expect(nothing).toMatchObject({ exitCode: 3 });
    expect(nothing.stdout).toMatch(/^Current multi master status:\n\[mysql3308\]\n/);
    const [port = 0] = await freePorts(1);
    const away = await status('--redis', `127.0.0.1:${port}`);
    expect(away).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('nobody listens there') });
    expect(await status('--tag', 'nope')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('nope'),
    });
    expect(await status('--nonsense')).toMatchObject({ exitCode: 3 });
    await healthy();
    expect(await run('mmm-status', '--conf', conf2)).toMatchObject({ exitCode: 3 });
    expect(await run('mmm-status', '--conf', conf2, '--tag', 'mysql3308')).toMatchObject({ exitCode: 0 });
  });

  it("shows the ancestor's pair where only its programs run", async () => {
    const keysName = async (active: string, passive: string) => {
      await server.client.hset(clusterKey(SIGN, 'mode'), 'active', active, 'passive', passive);
      await server.client.hset(clusterKey(SIGN, 'master'), 'host', active);
    };
    await keysName(B, A);
    await checks();
    const wrong = await status();
    expect(wrong.stdout).toContain(`  active: ${B}(alive readonly: 1, replcheck: OK)\n  +- passive: ${A}(`);
    expect(wrong.stdout).toContain(`! ${A} accepts writes, but the keys name ${B} as the writer\n`);
    expect(wrong.exitCode).toBe(2);
    await keysName(A, B);
    expect(await status()).toMatchObject({
      exitCode: 0,
      stdout: [
        'Current multi master status:',
        '[mysql3308]',
        `  active: ${A}(alive readonly: 0, replcheck: OK)`,
        `  +- passive: ${B}(alive readonly: 1, replcheck: OK)`,
        '  health: ok',
        '  note: only the Perl mmm-identify decides: there is no topology, and nobody is cut before a switch',
        '',
      ].join('\n'),
    });
  });

  it('--json has the documented fields, whatever is stored in Redis', async () => {
    await healthy();
    await hub.putSidecarReport(SIGN, aSidecarReport());
    await server.client.set(`mysql-${SIGN}-agent-agent1`, 'x'.repeat(300_000));
    const { stdout, exitCode } = await status('--json');
    const [cluster] = JSON.parse(stdout).clusters;
    expect(cluster).toMatchObject({
      tag: 'mysql3308',
      uniqsign: SIGN,
      generation: 42,
      phase: 'stable',
      writer: A,
      health: 'degraded',
    });
    expect(cluster.members[1]).toEqual({
      address: B,
      role: 'standby',
      state: 'online',
      ping: 1,
      read_only: 1,
      repl_check: 'OK',
      delay_sec: 0,
      conn_nums: 0,
      last_check: expect.any(Number),
      extra: null,
      maintenance: null,
    });
    expect(cluster).toMatchObject({
      leader: { id: 'identify1' },
      lease: { holder: A, generation: 42, agent: null, local: null, armed: false, released: false },
      paused: null,
      paused_until: null,
    });
    expect(cluster.notes.join()).toContain('agent-agent1 is longer than 64 kB');
    expect(exitCode).toBe(1);
  });

  it('says who decides, who keeps the lease, and for how long it is paused or somebody is in maintenance', async () => {
    await healthy();
    await hub.putAgentReport(SIGN, agentBeside(A));
    const { redisNowMs } = await hub.read(SIGN);
    const untilMs = redisNowMs + 600_000;
    const maintenance = { by: 'root@db', untilMs };
    await change((t) => ({
      ...t,
      paused: { by: 'root@db', untilMs },
      members: t.members.map((m) => (m.address === B ? { ...m, state: 'maintenance', maintenance } : m)),
    }));
    await hub.renewLease(SIGN, { member: A, agent: 'agent1', generation: 42, armed: true });
    const { stdout, exitCode } = await status();
    expect(stdout).toContain('  leader: mmm-identify identify1\n');
    expect(stdout).toContain(
      `  lease: ${A}, kept by agent agent1, armed: the server closes itself without it\n`,
    );
    expect(stdout).toContain('note: no automatic failover: paused by root@db for another 10 min\n');
    expect(stdout).toContain(
      `note: ${B} is in maintenance by root@db for another 10 min: nobody fails over to it\n`,
    );
    expect(exitCode).toBe(0);
    const [cluster] = JSON.parse((await status('--json')).stdout).clusters;
    expect(cluster).toMatchObject({
      leader: { id: 'identify1', ageMs: expect.any(Number) },
      lease: { holder: A, generation: 42, agent: 'agent1', local: true, armed: true, released: false },
      paused: 'root@db',
      paused_until: untilMs,
      members: [{ maintenance: null }, { state: 'maintenance', maintenance }],
    });
  });

  it('exits 1 when nobody decides', async () => {
    await healthy();
    await hub.resign(SIGN, 'identify1');
    expect(await status()).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('! nobody decides: is mmm-identify running?'),
    });
  });

  it('explain says which rule decides, why those before it do not, and that nobody leads', async () => {
    await healthy();
    await hub.resign(SIGN, 'identify1');
    await hub.putRequest(SIGN, aRequest({ verb: 'pause' }), 20_000);
    const { stdout, exitCode } = await status('explain');
    expect(stdout).toContain(`[mysql3308] generation 42, stable, writer ${A}\n`);
    expect(stdout).toContain('nobody decides: is mmm-identify running? This is what it would decide.');
    expect(stdout).toContain(
      'decides: carry out pause, resume, set_offline, set_online, forget\n    paused by',
    );
    expect(stdout).toMatch(/end what was asked for a time: +a pause or a maintenance has lasted/);
    expect(exitCode).toBe(0);
    expect((await hub.read(SIGN)).topology?.paused).toBeNull();
  });

  it('explain names what each gate still waits for, and tells dead reports from live ones', async () => {
    await healthy();
    const asked = {
      phase: 'closing',
      generation: 43,
      kind: 'failover',
      from: A,
      to: B,
      writer: null,
    } as const;
    const { incarnation } = await hub.read(SIGN);
    await change(
      (t) => ({ ...t, ...asked, incarnation, routedBySidecars: true, sidecars: ['sidecar1'] }),
      [anEvent()],
    );
    await using _ = alive({ facts: false });
    const { stdout } = await status('explain', '--json');
    const [told] = JSON.parse(stdout).clusters;
    expect(told).toMatchObject({ rule: 'wait for the proof that the old writer is closed', change: null });
    expect(told.gates).toMatchObject({ from: A, proof: null });
    expect(told.gates.waitsFor.join()).toContain(`(a) the agent's report that ${A} is closed`);
    expect(told.watchedMs).toBeGreaterThan(2000);
    const [port = 0] = await freePorts(1);
    expect(await status('explain', '--redis', `127.0.0.1:${port}`)).toMatchObject({ exitCode: 3 });
  });

  it('events tells each handover with its times', async () => {
    const key = clusterKey(SIGN, 'events');
    const start = 1_763_630_000_000;
    const story = [
      [0, 'closing', '', 'A is dead: refused\u001b[2J', ''],
      [212, 'opening', 'b', 'A is dead: refused', '212'],
      [230, 'stable', 'b', 'A is dead: refused', '18'],
    ] as const;
    for (const [ms, phase, proof, reason, took] of story) {
      const event = { ...anEvent({ kind: 'failover', phase, proof, reason, took }), generation: '43' };
      await server.client.xadd(key, `${start + ms}-0`, ...Object.entries(event).flat());
    }
    const { stdout, exitCode } = await status('events');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/generation 43 {2}failover 10\.0\.21\.5:3308 -> 10\.0\.21\.7:3308/);
    expect(stdout).toMatch(/\+212 ms +opening +took 212 ms, proof \(b\)/);
    expect(stdout).toContain('from closing to open: 230 ms');
    expect(stdout).not.toContain('\u001b');
    const json = JSON.parse((await status('events', '--json', '-n', '2')).stdout);
    expect(json.events).toHaveLength(2);
    expect(json.events[1]).toMatchObject({
      tag: 'mysql3308',
      at: `${start + 230}-0`,
      phase: 'stable',
      took: '18',
    });
  });

  it('--watch shows every change at once, until it is interrupted', async () => {
    await healthy();
    const child = start('mmm-status', '--conf', conf, '--watch');
    let seen = '';
    child.stdout.on('data', (text) => {
      seen += text;
    });
    await eventually('the first picture', () => seen.includes('generation 42'));
    await change((t) => ({ ...t, generation: 43 }));
    await eventually('the change', () => seen.includes('generation 43'));
    child.kill('SIGTERM');
    expect((await child).exitCode).toBe(0);
  });
});

describe('mmm-control', () => {
  it('switches over: waits for the answer and for every live sidecar', async () => {
    await healthy();
    await change((t) => ({ ...t, sidecars: ['sidecar1', 'gone'], routedBySidecars: true }));
    await hub.putSidecarReport(SIGN, aSidecarReport());
    const control = start('mmm-control', 'switchover', '--to', B, '--conf', conf);
    const request = await nextRequest();
    expect(request).toMatchObject({ verb: 'switchover', to: B, sidecar: null });
    expect(request.by).toContain(`@${hostname()}`);
    await answerWithChange(request.id, { generation: 43, writer: B });
    await hub.putSidecarReport(SIGN, aSidecarReport({ generation: 43 }));
    const result = await control;
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toBe(`[mysql3308] ${B} takes writes`);
  });

  it('warns of sidecars that do not follow within 2 s, and still exits 0', async () => {
    await healthy();
    await change((t) => ({ ...t, sidecars: ['sidecar1'], routedBySidecars: true }));
    await hub.putSidecarReport(SIGN, aSidecarReport({ did: 'cut', generation: 43 }));
    const control = start('mmm-control', '--conf', conf, 'switchover');
    const request = await nextRequest();
    await answerWithChange(request.id, { generation: 43, writer: B });
    expect(await control).toMatchObject({
      exitCode: 0,
      stderr: '[mysql3308] warning: not routed there yet: sidecar sidecar1',
    });
  });

  it('exits 1 with the reason when it is refused', async () => {
    const control = start('mmm-control', '--conf', conf, 'pause');
    const request = await nextRequest();
    await hub.answer(SIGN, { v: 1, id: request.id, ok: false, detail: 'B is dead', generation: 42 });
    expect(await control).toMatchObject({ exitCode: 1, stdout: '', stderr: '[mysql3308] B is dead' });
  });

  it('asks for what was said, with who and for how long', async () => {
    const cases = [
      [['set_offline', B, '--for', '30m'], { verb: 'set_offline', member: B, forMs: 1_800_000 }],
      [['set_online', B], { verb: 'set_online', member: B, forMs: null }],
      [['pause', '--for', '90'], { verb: 'pause', member: null, forMs: 90_000 }],
      [['failover', '--to', B], { verb: 'failover', to: B, force: false, acceptLoss: false }],
    ] as const;
    for (const [args, wanted] of cases) {
      const control = start('mmm-control', '--conf', conf, ...args);
      const request = await nextRequest();
      expect(request).toMatchObject(wanted);
      await hub.withdraw(SIGN, request.id);
      await hub.answer(SIGN, { v: 1, id: request.id, ok: true, detail: 'done', generation: 42 });
      expect(await control).toMatchObject({ exitCode: 0, stdout: '[mysql3308] done', stderr: '' });
    }
  });

  it('says what --force and --accept-loss risk', async () => {
    const control = start('mmm-control', '--conf', conf, 'failover', '--force', '--accept-loss');
    const { id, ...request } = await nextRequest();
    expect(request).toMatchObject({ verb: 'failover', to: null, force: true, acceptLoss: true });
    await hub.answer(SIGN, { v: 1, id, ok: false, detail: 'B is dead', generation: 42 });
    const { exitCode, stderr } = await control;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('risk: --force: nothing proves that the old writer is closed');
    expect(stderr).toContain('risk: --accept-loss: ');
  });

  it('switchover --dry-run tells what would happen, and changes nothing', async () => {
    await healthy();
    await hub.renewLease(SIGN, { member: A, agent: 'agent1', generation: 42, armed: true });
    await using _ = alive();
    const { stdout, exitCode } = await run('mmm-control', '--conf', conf, 'switchover', '--dry-run');
    expect(stdout).toContain('[mysql3308] a switchover could begin; nothing was changed\n');
    expect(stdout).not.toContain('note:');
    expect(stdout).toContain('would happen, as generation 43:\n');
    expect(exitCode).toBe(0);
    const { topology, requests } = await hub.read(SIGN);
    expect({ topology, requests }).toMatchObject({
      topology: { generation: 42, phase: 'stable' },
      requests: [],
    });
  });

  it('switchover --dry-run names everything that speaks against it, and exits 1', async () => {
    await healthy();
    await hub.resign(SIGN, 'identify1');
    const longest = { session: 17, user: 'report', seconds: 40 };
    await using _ = alive({ hazards: { longest, prepared: 1 }, lagSeconds: 31 });
    const { stdout, exitCode } = await run('mmm-control', '--conf', conf, 'switchover', '--dry-run');
    expect(stdout).toContain('[mysql3308] a switchover would be refused; nothing was changed\n');
    expect(stdout).toContain('refused: nobody decides');
    expect(stdout).toContain('refused: connection 17 of report');
    expect(stdout).toContain('refused: 1 XA transaction is prepared');
    expect(stdout).toContain(`refused: ${B} is 31 s behind, more than max_lag (30 s)`);
    expect(exitCode).toBe(1);
  });

  it('withdraws what nobody answers in time: it is never executed later', async () => {
    const control = await run('mmm-control', '--conf', conf, 'resume', '--timeout', '300ms');
    expect(control.exitCode).toBe(1);
    expect(control.stderr).toContain('nobody answered within 0.3 s: is mmm-identify running?');
    expect((await hub.read(SIGN)).requests).toEqual([]);
    expect(await server.client.hlen(clusterKey(SIGN, 'requests'))).toBe(0);
  });

  it('withdraws when it is interrupted', async () => {
    const control = start('mmm-control', '--conf', conf, 'forget', 'sidecar1');
    expect(await nextRequest()).toMatchObject({ verb: 'forget', sidecar: 'sidecar1' });
    control.kill('SIGINT');
    expect(await control).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('interrupted') });
    expect((await hub.read(SIGN)).requests).toEqual([]);
  });

  it('ends at once when it is interrupted in a handover that was begun, and says that it goes on', async () => {
    await healthy();
    const control = start('mmm-control', 'switchover', '--conf', conf);
    const { id, verb, by } = await nextRequest();
    const closing = { generation: 43, phase: 'closing', writer: null, request: { id, verb, by } } as const;
    await change((t) => ({ ...t, ...closing }), [], { takes: id });
    const startMs = performance.now();
    control.kill('SIGINT');
    expect(await control).toMatchObject({
      exitCode: 1,
      stderr: '[mysql3308] interrupted: the switchover was begun and goes on, see mmm-status events',
    });
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect((await hub.read(SIGN)).topology?.request?.id).toBe(id);
  });

  it('ends at once when it is interrupted after its timeout, while it waits for what was begun', async () => {
    await healthy();
    const control = start('mmm-control', 'switchover', '--conf', conf, '--timeout', '100ms');
    const { id, verb, by } = await nextRequest();
    const closing = { generation: 43, phase: 'closing', writer: null, request: { id, verb, by } } as const;
    await change((t) => ({ ...t, ...closing }), [], { takes: id });
    expect(await Promise.race([control.then(() => 'ended'), pauseOf(600)])).toBe('still waiting');
    control.kill('SIGINT');
    expect(await control).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('goes on') });
  });

  it('waits longer than the timeout for a request that was begun', async () => {
    await healthy();
    const control = start('mmm-control', '--conf', conf, 'switchover', '--timeout', '500ms');
    const { id, verb, by } = await nextRequest();
    const closing = { generation: 43, phase: 'closing', writer: null, request: { id, verb, by } } as const;
    await change((t) => ({ ...t, ...closing }), [], { takes: id });
    const early = await Promise.race([control.then(() => 'ended'), pauseOf(900)]);
    expect(early).toBe('still waiting');
    await answerWithChange(id, { generation: 43, phase: 'stable', writer: B }, null);
    expect(await control).toMatchObject({ exitCode: 0 });
  });

  it('fails at once without Redis, and names usage errors', async () => {
    const [port = 0] = await freePorts(1);
    const away = await run('mmm-control', '--conf', conf, 'pause', '--redis', `127.0.0.1:${port}`);
    expect(away).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nothing was asked') });
    const wrong = [
      [['--conf', conf], 'switchover'],
      [['--conf', conf, 'explode'], 'explode'],
      [['--conf', conf, 'forget'], 'SIDECAR_ID'],
      [['--conf', conf, 'switchover', '--to', '1.2.3.4:5'], A],
      [['--conf', conf, 'pause', '--timeout', 'soon'], '--timeout'],
      [['--conf', conf, 'pause', '--for', 'ever'], '--for'],
      [['--conf', conf, 'set_offline'], 'HOST:PORT'],
      [['--conf', conf, 'set_offline', '1.2.3.4:5'], A],
      [['--conf', conf, 'switchover', '--force'], '--force'],
      [['--conf', conf2, 'pause'], 'mysql3308, other'],
      [['--conf', '/nowhere/mmm.conf', 'pause'], '/nowhere/mmm.conf'],
    ] as const;
    for (const [args, words] of wrong) {
      expect(await run('mmm-control', ...args)).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(words),
      });
    }
    expect((await hub.read(SIGN)).requests).toEqual([]);
  });
});

it('every program says what it is and which version', async () => {
  for (const program of ['mmm-status', 'mmm-control', 'mmm-uniqsign']) {
    expect(await run(program, '--version')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(await run(program, '--help')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(program),
    });
  }
  // Its file names no clusters.
  expect((await run('mmm-agent', '--help')).stdout).toMatch(/default: every\s+cluster\s+found\s+in\s+Redis/);
  const signs = await Promise.all([run('mmm-uniqsign'), run('mmm-uniqsign')]);
  for (const { stdout } of signs) expect(stdout).toMatch(/^[0-9a-f]{32}$/);
  expect(signs[0]?.stdout).not.toBe(signs[1]?.stdout);
});

function start(program: string, ...args: readonly string[]) {
  return execa('node', [built.bin(program), ...args], { reject: false, timeout: 20_000 });
}

async function run(program: string, ...args: readonly string[]) {
  return await start(program, ...args);
}

function status(...args: readonly string[]) {
  return start('mmm-status', '--conf', conf, ...args);
}

function section(tag: string, uniqsign: string, primary: string, secondary: string): string {
  return `[${tag}]\nuniqsign=${uniqsign}\nprimaryhost=${primary}\nsecondaryhost=${secondary}\nuser=mmm\npassword=x\n\n`;
}

async function configuration(name: string, sections: string): Promise<string> {
  const file = join(dir.path, name);
  const redis = `[redis]\nhost=${server.host}:${server.port}\npassword=${PASSWORD}\ntopic=mmm-switch-channel\n`;
  await writeFile(file, sections + redis, { mode: 0o600 });
  return file;
}

interface Vitals {
  /** Of the checks, in seconds. */
  readonly age?: number;
  readonly standby?: Readonly<Partial<Record<'ping' | 'repl_check' | 'read_only', string>>>;
}

async function checks({ age = 0, standby = {} }: Vitals = {}): Promise<void> {
  const last_check = String(Math.floor(Date.now() / 1000) - age);
  const check = { ping: '1', repl_check: 'OK', delay_sec: '0', conn_nums: '0', last_check } as const;
  await hub.putCheck(SIGN, A, { ...check, read_only: '0' });
  await server.client.hset(`mysql-${SIGN}-${B}-check`, {
    ...check,
    read_only: '1',
    ...standby,
    last_check: String((Date.now() / 1000) | 0),
  });
}

/** Stable at generation 42, all is well. */
async function healthy(vitals: Vitals = {}): Promise<void> {
  await server.client.flushall();
  await hub.commit({
    ...bare,
    basedOn: null,
    next: aTopology(),
    legacy: { active: A, passive: B, sinceEpochMs: 1 },
  });
  await checks(vitals);
  await hub.putFacts(someFacts());
  await hub.putAgentReport(SIGN, anAgentReport());
  await hub.lead(SIGN, 'identify1', null);
}

interface Living {
  /** Whether the monitor is at work. */
  readonly facts?: boolean;
  readonly hazards?: Hazards;
  readonly lagSeconds?: number;
}

const CALM: Hazards = { longest: null, prepared: 0 };

/** A monitor and an agent that go on reporting until disposed. */
function alive({ facts = true, hazards = CALM, lagSeconds = 0 }: Living = {}): AsyncDisposable {
  const link = { ...aLink(A), lagSeconds };
  const writer = aLook({ hazards, links: [aLink(B)] });
  const standby = aLook({ serverId: 2, readOnly: true, links: [link] });
  const looks = { [A]: aProbe({ look: writer }), [B]: aProbe({ look: standby }) };
  let ended = false;
  const done = (async () => {
    for (let seq = 2; !ended; seq += 1) {
      const members = {
        [A]: aWord({ did: 'opened', look: writer }),
        [B]: aWord({ did: 'closed', look: standby }),
      };
      if (facts) await hub.putFacts(someFacts({ seq, members: looks }));
      await hub.putAgentReport(SIGN, anAgentReport({ seq, members }));
      await pauseOf(200);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      ended = true;
      await done;
    },
  };
}

function agentBeside(address: string): AgentReport {
  return anAgentReport({ members: { [address]: aWord({ did: 'opened', local: true }) } });
}

function aWord(over: Partial<MemberReport>): MemberReport {
  const quiet = {
    detail: '',
    look: null,
    startsClosed: true,
    tookMs: 0,
    accounts: '',
    local: false,
    lockedMs: 0,
    termMs: 0,
  };
  return { generation: 42, step: 0, did: 'watching', ...quiet, ...over };
}

function aLink(from: string): Link {
  return {
    from,
    fromServerId: from === A ? 1 : 2,
    io: 'yes',
    sql: 'yes',
    lagSeconds: 0,
    drained: true,
    gtid: true,
    heartbeatMs: 500,
    heard: 'x',
    quietMs: 0,
    ioError: '',
    sqlError: '',
  };
}

const bare = { events: [], legacy: null, announceOn: null, takes: null, answers: [] } as const;

async function change(
  edit: (t: Topology) => Topology,
  events: Commit['events'] = [],
  over: Partial<Commit> = {},
): Promise<void> {
  const { topology, topologyText } = await hub.read(SIGN);
  const next = edit(topology ?? aTopology());
  expect(await hub.commit({ ...bare, basedOn: topologyText, next, events, ...over })).toBe('committed');
}

async function nextRequest() {
  const [request] = await eventually(
    'a request',
    async () => (await hub.read(SIGN)).requests,
    (requests) => requests.length === 1,
  );
  if (request === undefined) throw new Error('there is no request');
  return request;
}

async function answerWithChange(
  id: string,
  fields: Partial<Topology>,
  takes: string | null = id,
): Promise<void> {
  const answer: Answer = {
    v: 1,
    id,
    ok: true,
    detail: `${B} takes writes`,
    generation: fields.generation ?? 0,
  };
  await change((t) => ({ ...t, ...fields }), [], { takes, answers: [answer] });
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function pauseOf(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still waiting'), ms));
}

/** The sidecar beside a real haproxy; tiny TCP servers stand in for MySQL, so that every session is visible. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SidecarConfig, TargetConfig } from '../../src/config/types.ts';
import type { SidecarReport, Topology } from '../../src/core/model.ts';
import { createSidecar, type Sidecar } from '../../src/daemons/sidecar.ts';
import type { Log } from '../../src/ports.ts';
import { createClock } from '../../src/system/clock.ts';
import { createExec } from '../../src/system/exec.ts';
import { aTopology, SIGN } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../support/haproxy.ts';
import { createMemoryHub, type MemoryHub } from '../support/memory-hub.ts';
import { createNotebook } from '../support/notebook.ts';
import { freePorts, tempDir } from '../support/processes.ts';
import { connectTcp, eventuallyLeadsTo, startTcpBackend, type TcpBackend } from '../support/tcp-backend.ts';

const TAG = 'mysql3308';

interface Scene extends AsyncDisposable {
  readonly hub: MemoryHub;
  readonly haproxy: Haproxy;
  readonly a: TcpBackend;
  readonly b: TcpBackend;
  readonly folder: string;
  readonly sidecar: Sidecar;
  readonly warnings: string[];
  /** Times the reload command ran. */
  reloads(): Promise<number>;
  tell(over: Partial<Topology>): Promise<void>;
  /** Tells and lets the sidecar take one step; resolves with its report. */
  follow(over: Partial<Topology>): Promise<SidecarReport>;
  start(): Promise<void>;
}

let scene: Scene;

beforeEach(async () => {
  scene = await stage();
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

test('a new writer is routed to without a reload, and sessions on the old one are cut first', async () => {
  await scene.follow({});
  await eventuallyLeadsTo(scene.haproxy.port, scene.a.address);
  const before = await scene.reloads();
  const sessions = await Promise.all(Array.from({ length: 20 }, () => connectTcp(scene.haproxy.port)));
  expect(sessions.every((session) => session.server === scene.a.address)).toBe(true);

  const cut = await scene.follow(closing());
  expect(cut).toMatchObject({ did: 'cut', generation: 43, step: 0, floor: 43 });
  expect(scene.a.sessions()).toBe(0);
  await eventually('every session ended', () => sessions.every((session) => !session.isOpen()));
  expect((await connectTcp(scene.haproxy.port)).server).toBe('');

  const routed = await scene.follow(opened());
  expect(routed).toMatchObject({ did: 'routed', generation: 43, step: 2 });
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.b.address);
  expect(await scene.reloads()).toBe(before);
  const text = await readFile(scene.haproxy.configFile, 'utf8');
  expect(text).toMatch(new RegExp(`server \\S+ ${scene.a.address} backup disabled\n`));
  expect(text).toMatch(new RegExp(`server \\S+ ${scene.b.address}\n`));
  const events = await scene.hub.events(SIGN, 10);
  expect(events.filter((event) => event.kind === 'routed')).toHaveLength(2);
  expect(events.at(-1)).toMatchObject({ generation: 43, to: scene.b.address, by: 'mmm-sidecar side1' });
});

test('sessions whose client has gone, held by a frozen server, do not keep the cut from being told', async () => {
  await scene.start();
  await scene.tell({});
  await eventually(
    'all is in place',
    () => lastReport(),
    (report) => report?.targets[0]?.ok === true,
  );
  const session = await connectTcp(scene.haproxy.port);
  expect(session.server).toBe(scene.a.address);
  scene.a.hold();
  session.end();
  await scene.tell(closing());
  await eventually(
    'the cut is told',
    () => lastReport(),
    (report) => report?.did === 'cut' && report.generation === 43,
  );
});

test('an undone handover opens the same writer again', async () => {
  await scene.follow({});
  await scene.follow(closing());
  expect((await connectTcp(scene.haproxy.port)).server).toBe('');
  const report = await scene.follow({ generation: 44, kind: 'undo' });
  expect(report.did).toBe('routed');
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
});

test('a running haproxy that lacks the servers is reloaded once, and then proven', async () => {
  const foreign = (await readFile(scene.haproxy.configFile, 'utf8')).replace(/^ {2}server .*$/gm, '');
  await writeFile(scene.haproxy.configFile, foreign);
  await reloadByHand();
  const report = await scene.follow({});
  expect(report).toMatchObject({ did: 'routed', targets: [{ ok: true }] });
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
  expect(await scene.reloads()).toBe(1);
  await scene.follow({ step: 1 });
  expect(await scene.reloads()).toBe(1);
});

test('a wrong backend is a failure that names the right one', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({ backend: 'other' });
  const report = await scene.follow({});
  expect(report.did).toBe('failed');
  expect(report.detail).toContain(`but in mysql_${TAG}: correct backend=`);
});

test('a file edited by hand is put back without a reload when only its direction differs', async () => {
  await scene.start();
  await scene.tell({});
  const done = await eventually(
    'all is in place',
    () => lastReport(),
    (report) => report?.targets[0]?.ok === true,
  );
  expect(done?.did).toBe('routed');
  const ours = await readFile(scene.haproxy.configFile, 'utf8');
  const before = await scene.reloads();
  await writeFile(scene.haproxy.configFile, ours.replace(/ backup disabled/g, ''));
  const read = () => readFile(scene.haproxy.configFile, 'utf8');
  await eventually('our text is back', read, (text) => text === ours);
  expect(await scene.reloads()).toBe(before);
  expect(scene.warnings).toContain('a file was changed by somebody else: put ours back');
});

test('a plain file follows the writer, and a reload that fails is tried again', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({}, { reloadCmd: ['/bin/sh', '{{dest}}.reload'] });
  const dest = join(scene.folder, 'writer.txt');
  await scene.start();
  await scene.tell({});
  const file = async () => (await lastReport())?.targets.find((target) => target.name === 'file');
  const failed = await eventually('the reload fails', file, (target) => (target?.detail ?? '') !== '');
  expect(failed).toMatchObject({ ok: false });
  expect((await lastReport())?.did).toBe('routed');
  expect(await readFile(dest, 'utf8')).toBe(`writer ${scene.a.address}\n`);
  await writeFile(`${dest}.reload`, `cp ${dest} ${dest}.loaded`);
  await eventually('the reload succeeds', file, (target) => target?.ok === true);
  expect(await readFile(`${dest}.loaded`, 'utf8')).toBe(`writer ${scene.a.address}\n`);
});

test("a stranger's edit of a plain file is left alone until our next change", async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({}, {});
  const dest = join(scene.folder, 'writer.txt');
  await scene.follow({});
  await writeFile(dest, 'mine\n');
  const report = await scene.follow({ step: 1 });
  expect(await readFile(dest, 'utf8')).toBe('mine\n');
  expect(report.targets[1]?.detail).toContain('changed by somebody else');
  await scene.follow(closing());
  await scene.follow(opened());
  expect(await readFile(dest, 'utf8')).toBe(`writer ${scene.b.address}\n`);
});

test('a file for two clusters waits for both, and is put back but not loaded while one is in a handover', async () => {
  await scene[Symbol.asyncDispose]();
  const other = { tag: 'second', uniqsign: 'second', members: ['127.0.0.1:1', '127.0.0.1:2'] };
  const [port = 0] = await freePorts(1);
  scene = await stage({ clusters: [TAG, 'second'] }, undefined, {
    cluster: other,
    bind: `127.0.0.1:${port}`,
  });
  const first = await scene.follow({});
  expect(first.targets[0]).toMatchObject({ ok: false });
  expect(first.targets[0]?.detail).toContain('the file waits for a stable topology of second');
  const [writer = '', standby = ''] = other.members;
  const second: Partial<Topology> = {
    ...{ uniqsign: 'second', tag: 'second', to: writer, writer },
    members: [
      { address: writer, role: 'writer', kind: 'master', state: 'online' },
      { address: standby, role: 'standby', kind: 'master', state: 'online' },
    ],
  };
  await scene.tell(second);
  await scene.sidecar.step('second');
  expect(await scene.reloads()).toBe(1);
  const text = await readFile(scene.haproxy.configFile, 'utf8');
  expect(text.match(/^listen mysql_/gm)).toHaveLength(2);
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);

  await scene.tell({ ...second, generation: 43, phase: 'closing', from: writer, writer: null });
  await scene.sidecar.step('second');
  await writeFile(scene.haproxy.configFile, text.replace('8h', '7h'));
  const report = await scene.follow({ step: 1 });
  expect(report.targets[0]?.detail).toContain('loaded after the handover');
  expect(await readFile(scene.haproxy.configFile, 'utf8')).toBe(text);
  expect(await scene.reloads()).toBe(1);
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);

  await scene.tell({ ...second, generation: 44 });
  await scene.sidecar.step('second');
  expect(await scene.reloads()).toBe(2);
});

test('files alone are no proof of a cut', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({ sockets: [] });
  expect(await scene.follow({})).toMatchObject({ did: 'routed' });
  const report = await scene.follow(closing());
  expect(report.did).toBe('failed');
  expect(report.detail).toContain('no socket');
});

test('servers set by hand are set back', async () => {
  await scene.start();
  await scene.tell({});
  await eventuallyLeadsTo(scene.haproxy.port, scene.a.address);
  await eventually(
    'all is in place',
    () => lastReport(),
    (report) => report?.targets[0]?.ok === true,
  );
  const [a, b] = [nameIn(scene.a), nameIn(scene.b)];
  const backend = `mysql_${TAG}`;
  await scene.haproxy.command(
    `set server ${backend}/${a} state maint; set server ${backend}/${b} state ready`,
  );
  await eventually(
    'it is noticed',
    () => scene.warnings,
    (warnings) => warnings.includes('haproxy had been set otherwise: set it again'),
  );
  await eventuallyLeadsTo(scene.haproxy.port, scene.a.address);
});

test('a reload by somebody else changes nothing for new clients', async () => {
  await scene.follow({});
  await scene.follow(closing());
  await scene.follow(opened());
  await reloadByHand();
  await eventuallyLeadsTo(scene.haproxy.port, scene.b.address);
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.b.address);
});

test('a check that fails keeps the file, and the writer is routed to all the same', async () => {
  await scene.follow({});
  const before = await readFile(scene.haproxy.configFile, 'utf8');
  await scene[Symbol.asyncDispose]();
  scene = await stage({ checkCmd: ['false'] });
  const initial = await readFile(scene.haproxy.configFile, 'utf8');
  await scene.follow({ generation: 43, from: null, to: scene.a.address });
  expect(await readFile(scene.haproxy.configFile, 'utf8')).toBe(initial);
  expect(before).not.toBe(initial);
  const report = await scene.follow({ generation: 43, step: 1 });
  expect(report.targets[0]).toMatchObject({ ok: false });
  expect(report.targets[0]?.detail).toContain('false failed with exit code 1');
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
});

test('a reload that fails puts the last good file back, turned to the new writer', async () => {
  const good = await readFile(scene.haproxy.configFile, 'utf8');
  await scene[Symbol.asyncDispose]();
  scene = await stage({ reloadCmd: ['false'] });
  const old = await readFile(scene.haproxy.configFile, 'utf8');
  expect(good).not.toBe('');
  const report = await scene.follow({
    generation: 43,
    writer: scene.b.address,
    to: scene.b.address,
    members: members(scene.b, scene.a),
  });
  expect(report).toMatchObject({ did: 'routed' });
  const text = await readFile(scene.haproxy.configFile, 'utf8');
  expect(text).not.toContain('hard-stop-after 30s');
  expect(text.split('\n').length).toBe(old.split('\n').length);
  expect(text).toMatch(new RegExp(`server \\S+ ${scene.b.address}\n`));
  expect(text).toMatch(new RegExp(`server \\S+ ${scene.a.address}.* disabled\n`));
});

test('a reload that haproxy loses is asked for once more', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage();
  const once = join(scene.folder, 'counted-reload');
  const real = await readFile(once, 'utf8');
  await writeFile(once, `#!/bin/sh\nmv ${once}.real ${once}\n`);
  await writeFile(`${once}.real`, real, { mode: 0o755 });
  const report = await scene.follow({});
  expect(report.did).toBe('routed');
  expect((await lastReport())?.targets[0]).toMatchObject({ ok: true });
  expect(await scene.reloads()).toBe(1);
});

test('a reload command that does nothing is found out', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({ reloadCmd: ['true'] });
  await scene.follow({});
  const report = await lastReport();
  expect(report?.targets[0]?.detail).toContain('no new haproxy worker answers');
  expect(await readFile(scene.haproxy.configFile, 'utf8')).not.toContain('hard-stop-after 30s');
});

test('a frozen haproxy does not ack the cut, and does once it goes on', async () => {
  await scene.start();
  await scene.tell({});
  await reported('routed');
  const worker = Number(await workerPid());
  const session = await connectTcp(scene.haproxy.port);
  process.kill(worker, 'SIGSTOP');
  try {
    await scene.tell(closing());
    const report = await reported('failed');
    expect(report.generation).toBe(43);
    expect(report.detail).toContain('did not answer');
  } finally {
    process.kill(worker, 'SIGCONT');
  }
  await reported('cut');
  await eventually('the session ended', () => !session.isOpen());
});

test('a haproxy that is not running counts as cut, and gets its file', async () => {
  await scene.follow({});
  await scene.haproxy.stop();
  const report = await scene.follow(closing());
  expect(report, report.detail).toMatchObject({ did: 'cut', generation: 43 });
  const routed = await scene.follow(opened());
  expect(routed.did).toBe('routed');
  expect(await readFile(scene.haproxy.configFile, 'utf8')).toMatch(
    new RegExp(`server \\S+ ${scene.b.address}\n`),
  );
});

test('a socket that does not let us in is a failure, not a cut', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({ sockets: ['/etc/passwd'] });
  const report = await scene.follow(closing());
  expect(report.did).toBe('failed');
  expect(report.detail).toContain('/etc/passwd');
});

test('a wrong socket path is no cut while somebody still takes clients', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({ sockets: ['/nonexistent/haproxy.sock'] });
  const report = await scene.follow(closing());
  expect(report.did).toBe('failed');
  expect(report.detail).toContain('correct socket=');
});

test('sessions that a reload left in an old worker are cut as well', async () => {
  await scene.follow({});
  const session = await connectTcp(scene.haproxy.port);
  await reloadByHand();
  expect(session.isOpen()).toBe(true);
  const report = await scene.follow(closing());
  expect(report.did).toBe('cut');
  await eventually('the session ended', () => !session.isOpen());
  expect(scene.a.sessions()).toBe(0);
});

test('an older generation is ignored, also after a restart', async () => {
  await scene.follow({ generation: 50 });
  await scene.follow({ generation: 49, writer: scene.b.address, to: scene.b.address });
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
  expect((await lastReport())?.generation).toBe(50);
});

test('an address outside the allow-list reaches no file and no haproxy', async () => {
  await scene.follow({});
  const before = await readFile(scene.haproxy.configFile, 'utf8');
  const stranger = '10.66.66.66:3306';
  const report = await scene.follow({
    generation: 43,
    writer: stranger,
    to: stranger,
    members: [
      { address: stranger, role: 'writer', kind: 'master', state: 'online' },
      { address: scene.b.address, role: 'standby', kind: 'master', state: 'online' },
    ],
  });
  expect(report).toMatchObject({ generation: 42, floor: 42 });
  expect(report.detail).toContain(stranger);
  expect(await readFile(scene.haproxy.configFile, 'utf8')).toBe(before);
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
});

test('losing Redis changes nothing, and a clean stop says goodbye', async () => {
  const stop = new AbortController();
  const ended = scene.sidecar.start(stop.signal);
  await scene.tell({});
  await reported('routed');
  scene.hub.flush();
  await eventually('a report after the flush', lastReport, (report) => report?.did === 'routed');
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
  stop.abort();
  await ended;
  expect(await lastReport()).toMatchObject({ leaving: true });
  expect((await connectTcp(scene.haproxy.port)).server).toBe(scene.a.address);
});

test('a sidecar that reads its configuration again stays on the register', async () => {
  const stop = new AbortController();
  const ended = scene.sidecar.start(stop.signal);
  await scene.tell({});
  await reported('routed');
  stop.abort('reload');
  await ended;
  expect(await lastReport()).toMatchObject({ leaving: false, did: 'routed' });
});

test('one target that hangs does not delay another', async () => {
  await scene[Symbol.asyncDispose]();
  scene = await stage({}, { checkCmd: ['sleep', '30'] });
  await scene.start();
  await scene.tell({});
  await eventuallyLeadsTo(scene.haproxy.port, scene.a.address);
  await reported('routed');
  const startedMs = performance.now();
  await scene.tell(closing());
  await reported('cut');
  await scene.tell(opened());
  await reported('routed', 43);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test('from the message to a verified writer takes milliseconds', async () => {
  await scene.start();
  await scene.tell({});
  await reported('routed');
  const took: number[] = [];
  for (let i = 0; i < 20; i++) {
    const generation = 43 + i;
    const [next, other] = i % 2 === 0 ? [scene.b, scene.a] : [scene.a, scene.b];
    await scene.tell({ ...closing(), generation });
    await reported('cut', generation);
    const startedMs = performance.now();
    await scene.tell({ generation, step: 2, writer: next.address, members: members(next, other) });
    await reported('routed', generation);
    took.push(performance.now() - startedMs);
  }
  const median = took.sort((x, y) => x - y)[10] ?? Number.POSITIVE_INFINITY;
  console.log(`stable told to routed: median ${median.toFixed(1)} ms (target 10)`);
  expect(median).toBeLessThan(100);
});

interface Second {
  readonly cluster: SidecarConfig['clusters'][number];
  readonly bind: string;
}

async function stage(
  target: Partial<TargetConfig> = {},
  second?: Partial<TargetConfig>,
  more?: Second,
): Promise<Scene> {
  const folder = await tempDir('haproxy');
  const ports = await freePorts(2);
  const [a, b] = await Promise.all([startTcpBackend(ports[0] ?? 0), startTcpBackend(ports[1] ?? 0)]);
  const haproxy = await startHaproxy({
    folder: folder.path,
    tag: TAG,
    members: [a.address, b.address],
    open: a.address,
  });
  const counter = join(folder.path, 'reloads');
  const reloader = join(folder.path, 'counted-reload');
  await writeFile(counter, '');
  await writeFile(reloader, `#!/bin/sh\necho x >> ${counter}\nexec ${haproxy.reloadCommand}\n`);
  await chmod(reloader, 0o755);
  const first: TargetConfig = { ...targetFor(haproxy), reloadCmd: [reloader], ...target };
  const others = second === undefined ? [] : [await fileTarget(folder.path, second)];
  const haproxyTarget = more === undefined ? first : { ...first, bind: { ...first.bind, second: more.bind } };
  const base = configFor(folder.path, [a, b], [haproxyTarget, ...others]);
  const config = more === undefined ? base : { ...base, clusters: [...base.clusters, more.cluster] };
  const hub = createMemoryHub();
  const warnings: string[] = [];
  const stop = new AbortController();
  const exec = createExec({ timeoutMs: config.commandTimeoutMs });
  const sidecar = createSidecar({
    config,
    hub,
    clock: createClock(),
    memory: createNotebook(),
    log: keepWarnings(warnings),
    run: (words) => exec.run(words),
  });
  let running: Promise<void> = Promise.resolve();
  const tell = async (over: Partial<Topology>) => {
    const { topologyText } = await hub.read(over.uniqsign ?? SIGN);
    const next = aTopology({ tag: TAG, to: a.address, writer: a.address, members: members(a, b), ...over });
    const change = { basedOn: topologyText, next, events: [], legacy: null, announceOn: null };
    await hub.commit({ ...change, takes: null, answers: [] });
  };
  return {
    hub,
    haproxy,
    a,
    b,
    folder: folder.path,
    sidecar,
    warnings,
    reloads: async () => (await readFile(counter, 'utf8')).split('\n').length - 1,
    tell,
    async follow(over) {
      await tell(over);
      await sidecar.step(SIGN);
      const report = await lastReport(hub);
      if (report === undefined) throw new Error('the sidecar reported nothing');
      return report;
    },
    async start() {
      running = sidecar.start(stop.signal);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await haproxy.stop();
      await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function targetFor(haproxy: Haproxy): TargetConfig {
  return {
    name: 'haproxy',
    kind: 'haproxy',
    clusters: [TAG],
    template: null,
    dest: haproxy.configFile,
    mode: 0o644,
    checkCmd: haproxy.checkCommand.split(' '),
    reloadCmd: null,
    sockets: [haproxy.socket],
    backend: null,
    listen: {},
    bind: { [TAG]: `127.0.0.1:${haproxy.port}` },
    verifyUser: null,
    verifyPassword: null,
    options: { socket: haproxy.socket },
  };
}

async function fileTarget(folder: string, over: Partial<TargetConfig>): Promise<TargetConfig> {
  const template = join(folder, 'writer.hbs');
  await writeFile(template, 'writer {{writer.address}}\n', { mode: 0o644 });
  const dest = join(folder, 'writer.txt');
  const none = { sockets: [], listen: {}, bind: {}, options: {}, reloadCmd: null, backend: null };
  const rest = { checkCmd: null, verifyUser: null, verifyPassword: null };
  return {
    name: 'file',
    kind: 'file',
    clusters: [TAG],
    template,
    dest,
    mode: 0o644,
    ...none,
    ...rest,
    ...over,
  };
}

function configFor(
  folder: string,
  at: readonly TcpBackend[],
  targets: readonly TargetConfig[],
): SidecarConfig {
  return {
    file: join(folder, 'mmm-sidecar.conf'),
    redis: {
      host: '127.0.0.1',
      port: 1,
      username: null,
      password: null,
      db: 0,
      topic: 'mmm-switch-channel',
      tls: null,
    },
    state: { dir: folder, id: 'side1' },
    logFile: null,
    templatesDir: null,
    reconcileMs: 200,
    commandTimeoutMs: 5_000,
    clusters: [{ tag: TAG, uniqsign: SIGN, members: at.map((one) => one.address) }],
    targets,
    warnings: [],
  };
}

function members(writer: TcpBackend, standby: TcpBackend): Topology['members'] {
  return [
    { address: writer.address, role: 'writer', kind: 'master', state: 'online' },
    { address: standby.address, role: 'standby', kind: 'master', state: 'online' },
  ];
}

function closing(): Partial<Topology> {
  const { a, b } = scene;
  return {
    generation: 43,
    phase: 'closing',
    kind: 'switchover',
    from: a.address,
    to: b.address,
    writer: null,
  };
}

function opened(): Partial<Topology> {
  const { a, b } = scene;
  const who = { from: a.address, to: b.address, writer: b.address, members: members(b, a) };
  return { generation: 43, step: 2, phase: 'stable', kind: 'switchover', ...who };
}

async function lastReport(hub: MemoryHub = scene.hub): Promise<SidecarReport | undefined> {
  const { sidecars } = await hub.read(SIGN);
  return sidecars[0];
}

async function reported(did: SidecarReport['did'], generation?: number): Promise<SidecarReport> {
  const report = await eventually(
    `the sidecar reports ${did}`,
    () => lastReport(),
    (seen) => seen?.did === did && (generation === undefined || seen.generation === generation),
    { everyMs: 1 },
  );
  if (report === undefined) throw new Error('no report');
  return report;
}

/** haproxy 2.6 loses a reload that comes while the one before has just ended: ask until it obeys. */
async function reloadByHand(): Promise<void> {
  const pid = await workerPid();
  const exec = createExec({ timeoutMs: 5_000 });
  const reloaded = async () => {
    await exec.run([scene.haproxy.reloadCommand]);
    return eventually('a new worker', workerPid, (now) => now !== pid, { withinMs: 500 });
  };
  await eventually('haproxy reloads', reloaded);
}

async function workerPid(): Promise<string> {
  return /^Pid: (\d+)$/m.exec(await scene.haproxy.command('show info'))?.[1] ?? '';
}

function nameIn(backend: TcpBackend): string {
  return backend.address.replace(/[^A-Za-z0-9]/g, '_');
}

function keepWarnings(warnings: string[]): Log {
  const keep = (fields: object, message: string) => {
    warnings.push(message);
    if (process.env.SHOW_LOG) console.log(message, JSON.stringify(fields));
  };
  const show = (fields: object, message: string) => {
    if (process.env.SHOW_LOG) console.log(message, JSON.stringify(fields));
  };
  const log: Log = { debug: () => undefined, info: show, warn: keep, error: keep, child: () => log };
  return log;
}

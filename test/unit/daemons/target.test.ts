/** A target beside a haproxy that is only pretended: what it claims and what a slow reload does to it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TargetConfig } from '../../../src/config/types.ts';
import type { Topology } from '../../../src/core/model.ts';
import { deedOf } from '../../../src/core/sidecar-deed.ts';
import { createTarget, type Target } from '../../../src/daemons/target.ts';
import { createResolver } from '../../../src/haproxy/resolve.ts';
import type { Router } from '../../../src/haproxy/router.ts';
import type { Log } from '../../../src/ports.ts';
import { createClock } from '../../../src/system/clock.ts';
import { targetKinds } from '../../../src/targets/index.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';
import { eventually, pause } from '../../support/eventually.ts';

const clock = createClock();
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

test('a reload of an older generation that ends late leads nobody to the old writer', async () => {
  const { target, proxy, dest } = await haproxyTarget();
  proxy.lines = [];
  let endReload: () => void = () => undefined;
  proxy.onReload = async () => {
    const text = await readFile(dest, 'utf8');
    await new Promise<void>((resolve) => (endReload = resolve));
    proxy.startWorker(text);
  };
  void target.want(wanted({ generation: 41 }));
  await eventually('the reload has begun', () => proxy.reloads === 1);
  Object.assign(proxy, { lines: [A, B], open: A });
  void target.want(wanted({ generation: 42, phase: 'closing', writer: null }));
  await eventually('it is cut', () => proxy.open === null);
  void target.want(wanted({ generation: 42, step: 2, writer: B }));
  await eventually('the new writer is open', () => proxy.open === B);
  endReload();
  await eventually('the late worker came', () => proxy.worker > 1);
  await eventually('it leads to the new writer', () => proxy.open === B, Boolean, { withinMs: 500 });
});

test('nothing is called cut while a reload may still bring a worker up, and that worker is cut at once', async () => {
  const { target, proxy, dest } = await haproxyTarget();
  proxy.lines = [];
  let endReload: () => void = () => undefined;
  proxy.onReload = async () => {
    const text = await readFile(dest, 'utf8');
    await new Promise<void>((resolve) => (endReload = resolve));
    proxy.startWorker(text);
  };
  void target.want(wanted({ generation: 41 }));
  await eventually('the reload has begun', () => proxy.reloads === 1);
  Object.assign(proxy, { lines: [A, B], open: A });
  void target.want(wanted({ generation: 42, phase: 'closing', writer: null }));
  await eventually('it is cut', () => proxy.open === null);
  proxy.open = A;
  await eventually('it is cut again meanwhile', () => proxy.open === null, Boolean, { withinMs: 500 });
  expect(deedOf('closing', [target.state(SIGN)])).toBe('watching');
  endReload();
  await eventually('the cut is claimed', () => deedOf('closing', [target.state(SIGN)]) === 'cut');
  expect(proxy.worker).toBe(2);
  expect(proxy.open).toBe(null);
});

test('a reload that brings no new worker up does not delay a cut by more than a second', async () => {
  const { target, proxy, dest } = await haproxyTarget();
  await writeFile(dest, 'global\n');
  void target.want(wanted({ generation: 41 }));
  await eventually('the reload has begun', () => proxy.reloads === 1);
  const startedMs = performance.now();
  void target.want(wanted({ generation: 42, phase: 'closing', writer: null }));
  await eventually('the cut is claimed', () => deedOf('closing', [target.state(SIGN)]) === 'cut');
  expect(performance.now() - startedMs).toBeLessThan(4_000);
  expect(proxy.reloads).toBe(1);
});

test('a halted cluster does not keep the file of another from following its writer', async () => {
  const { target, dest } = await fileTarget(['x', 'y']);
  await target.want(wanted({}, 'x'));
  await target.want(wanted({}, 'y'));
  const text = () => readFile(dest, 'utf8');
  await eventually('both are written', text, (now) => now === `x=${A} y=${A} \n`);
  await target.want(wanted({ generation: 43, phase: 'halted', writer: null }, 'y'));
  await target.want(wanted({ generation: 43, writer: B }, 'x'));
  await eventually('x follows', text, (now) => now === `x=${B} y=${A} \n`);
  await eventually('x is written', () => target.state('x').file === 'written');
  expect(target.state('y')).toMatchObject({
    file: 'waiting',
    fileDetail: 'the file waits for a stable topology of y',
  });
});

test('a haproxy without a socket is reloaded for one cluster while another is halted', async () => {
  const dest = join(await folder(), 'haproxy.cfg');
  const bind = { x: '127.0.0.1:3998', y: '127.0.0.1:3999' };
  const reloadCmd = ['reload'];
  const config = {
    ...bare({ name: 'haproxy', kind: 'haproxy', clusters: ['x', 'y'], dest }),
    bind,
    reloadCmd,
  };
  let reloads = 0;
  const target = create(config, ['x', 'y'], [], async () => {
    reloads += 1;
  });
  const others = ['10.0.22.5:3308', '10.0.22.7:3308'] as const;
  const halted = { generation: 43, phase: 'halted', writer: null } as const;
  await target.want(wanted({}, 'x'));
  await target.want(wanted({}, 'y', others));
  await target.want(wanted(halted, 'y', others));
  const before = reloads;
  await target.want(wanted({ generation: 43, writer: B }, 'x'));
  await eventually('it is reloaded', () => reloads > before);
  expect(await readFile(dest, 'utf8')).toMatch(new RegExp(`${B}$`, 'm'));
  await eventually('x is routed', () => deedOf('stable', [target.state('x')]) === 'routed');
});

test('a file waits for a cluster that never had a writer', async () => {
  const { target, dest } = await fileTarget(['x', 'y']);
  await target.want(wanted({}, 'x'));
  await target.want(wanted({ phase: 'halted', writer: null }, 'y'));
  expect(target.state('x')).toMatchObject({
    file: 'waiting',
    fileDetail: 'the file waits for a stable topology of y',
  });
  await expect(readFile(dest)).rejects.toThrow('ENOENT');
});

test('a target at rest has let go of its file', async () => {
  let endReload: () => void = () => undefined;
  let isReloading = false;
  const { target } = await fileTarget(['x'], async () => {
    isReloading = true;
    await new Promise<void>((resolve) => (endReload = resolve));
    isReloading = false;
  });
  void target.want(wanted({}, 'x'));
  await eventually('it reloads', () => isReloading);
  let rested = false;
  const resting = target.rest().then(() => (rested = true));
  await pause(20);
  expect(rested).toBe(false);
  endReload();
  await resting;
  expect(isReloading).toBe(false);
});

/** A haproxy of which only the direction is known. */
interface Pretended {
  open: string | null;
  /** Members it has server lines for. */
  lines: readonly string[];
  worker: number;
  reloads: number;
  onReload: () => Promise<void>;
  /** A new worker that has read this configuration. */
  startWorker(text: string): void;
}

async function haproxyTarget(): Promise<{
  readonly target: Target;
  readonly proxy: Pretended;
  readonly dest: string;
}> {
  const dest = join(await folder(), 'haproxy.cfg');
  const proxy: Pretended = {
    open: null,
    lines: [A, B],
    worker: 1,
    reloads: 0,
    onReload: async () => undefined,
    startWorker(text) {
      proxy.worker += 1;
      proxy.lines = [A, B];
      proxy.open = [A, B].find((address) => new RegExp(`${address}$`, 'm').test(text)) ?? null;
    },
  };
  const router: Router = {
    socket: '/pretended',
    async route(plan, { signal }) {
      await clock.sleep(2);
      if (signal.aborted) throw new Error('newer news came');
      const base = { found: proxy.lines, changed: false, down: false, pid: null };
      if (plan.writer !== null && !proxy.lines.includes(plan.writer)) return { ...base, state: 'lacking' };
      proxy.open = plan.writer;
      return { ...base, state: 'done' };
    },
    pid: async () => String(proxy.worker),
  };
  const config: TargetConfig = {
    ...bare({ name: 'haproxy', kind: 'haproxy', clusters: ['m'], dest }),
    ...{ reloadCmd: ['reload'], sockets: [router.socket], bind: { m: '127.0.0.1:3999' } },
    options: { socket: router.socket },
  };
  const target = create(config, [SIGN], [router], async () => {
    proxy.reloads += 1;
    await proxy.onReload();
  });
  return { target, proxy, dest };
}

async function fileTarget(
  clusters: readonly string[],
  onReload?: () => Promise<void>,
): Promise<{ readonly target: Target; readonly dest: string }> {
  const at = await folder();
  const [template, dest] = [join(at, 'app.hbs'), join(at, 'app.env')];
  await writeFile(template, '{{#each clusters}}{{tag}}={{writer.address}} {{/each}}\n', { mode: 0o600 });
  const reloadCmd = onReload === undefined ? null : ['reload'];
  const config = { ...bare({ name: 'file', kind: 'file', clusters, dest }), template, reloadCmd };
  return { target: create(config, clusters, [], onReload ?? (async () => undefined)), dest };
}

function create(
  target: TargetConfig,
  uniqsigns: readonly string[],
  routers: readonly Router[],
  run: () => Promise<unknown>,
): Target {
  const made = createTarget({
    ...{ target, uniqsigns, routers, run, clock },
    ...{ kind: targetKinds[target.kind], templatesDir: null, reconcileMs: 5_000, log: quiet },
    resolver: createResolver({ timeoutMs: 100, keepMs: 1_000, now: () => clock.now() }),
    serverId: () => '',
    onChange: () => undefined,
  });
  onTestFinished(() => void made.rest());
  return made;
}

function bare(own: Pick<TargetConfig, 'name' | 'kind' | 'clusters' | 'dest'>): TargetConfig {
  return {
    ...{ template: null, mode: 0o644, checkCmd: null, reloadCmd: null, sockets: [], backend: null },
    ...{ listen: {}, bind: {}, verifyUser: null, verifyPassword: null, options: {} },
    ...own,
  };
}

function wanted(
  over: Partial<Topology>,
  uniqsign = SIGN,
  [writer, standby]: readonly [string, string] = [A, B],
) {
  const tag = uniqsign === SIGN ? 'm' : uniqsign;
  const members: Topology['members'] = [
    { address: writer, role: 'writer', kind: 'master', state: 'online' },
    { address: standby, role: 'standby', kind: 'master', state: 'online' },
  ];
  const topology = aTopology({ uniqsign, tag, writer, members, ...over });
  return { topology, allowed: { tag, uniqsign, members: [writer, standby] }, seenMs: clock.now() };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mmm-target-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

/** What `npm pack` makes, installed in an empty folder, starts every program. */
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisHub } from '../../src/hub/redis-hub.ts';
import { aTopology, SIGN } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { otherNode } from '../support/other-node.ts';
import { patiently } from '../support/patiently.ts';
import { freePorts, type Process, startProcess, tempDir } from '../support/processes.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const DAEMONS = ['mmm-monitor', 'mmm-identify', 'mmm-agent', 'mmm-sidecar'] as const;
const PROGRAMS = [...DAEMONS, 'mmm-status', 'mmm-control', 'mmm-uniqsign'] as const;

let dir: Awaited<ReturnType<typeof tempDir>>;
let packed: readonly string[];
let installed: string;

beforeAll(async () => {
  dir = await tempDir('pack');
  const tarball = await pack(join(dir.path, 'clone'));
  packed = (await execa('tar', ['-tzf', tarball])).stdout.split('\n').map((name) => name.slice(8));
  installed = join(dir.path, 'installed');
  await mkdir(installed);
  await writeFile(join(installed, 'package.json'), '{ "private": true }\n');
  const args = ['install', tarball, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await patiently(() => execa('npm', args, { cwd: installed, timeout: 60_000 }));
}, 240_000);
afterAll(() => dir?.[Symbol.asyncDispose]());

describe('the package', () => {
  it('holds the programs, the Lua scripts, the templates, the examples and the docs', async () => {
    const lua = (await readdir(join(ROOT, 'src/hub/lua'))).map((name) => `dist/hub/lua/${name}`);
    const bins = PROGRAMS.map((name) => `dist/bin/${name}.js`);
    const shipped = await Promise.all(['templates', 'examples', 'docs'].map(filesIn));
    // That example builds an image from the sources, and keeps secrets in a folder of its own.
    const files = shipped.flat().filter((name) => !name.startsWith('examples/compose/'));
    const wanted = [...bins, ...lua, ...files, 'README.md', 'CHANGELOG.md', 'LICENSE'];
    expect(wanted.filter((name) => !packed.includes(name))).toEqual([]);
  });

  it('holds nothing else: no sources, no tests, nothing that an earlier build has left', () => {
    const others = packed.filter((name) => !/^(?:dist|templates|examples|docs)\//.test(name)).sort();
    expect(others).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    expect(packed.filter((name) => /\.map$|bin\/leftover|examples\/compose/.test(name))).toEqual([]);
  });

  it.each(PROGRAMS)('%s says what it is and which version', async (name) => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const [said, help] = await Promise.all([run(name, '--version'), run(name, '--help')]);
    expect(said.stdout).toBe(version);
    expect(help.stdout).toContain(`Usage: ${name}`);
  });

  it('a program that cannot be loaded says so in one line', async () => {
    const needed = join(installed, 'node_modules/commander');
    await rename(needed, `${needed}.away`);
    try {
      for (const [name, exitCode] of [
        ['mmm-status', 3],
        ['mmm-control', 1],
        ['mmm-agent', 1],
      ] as const) {
        const { stderr, ...result } = await run(name, '--version');
        expect(result).toMatchObject({ exitCode, stdout: '' });
        expect(stderr).toMatch(new RegExp(`^${name}: cannot be started, install it again: .*commander.*$`));
      }
    } finally {
      await rename(`${needed}.away`, needed);
    }
  });

  it.each(DAEMONS)('%s outlives a HUP while it is still being loaded', async (name) => {
    const file = join(installed, 'node_modules/mmm-manager/dist/bin/start.js');
    // What is loaded waits for its standard input, and is a program that ends well.
    const program = `import { start } from ${JSON.stringify(file)};
      start('${name}', async () => {
        console.log('loading');
        for await (const _ of process.stdin);
        return { name: '${name}', about: '', defaultConf: null, run: async () => 0 };
      });`;
    const child = execa('node', ['--input-type=module', '-e', program], { reject: false, timeout: 20_000 });
    await once(child.stdout, 'data');
    child.kill('SIGHUP');
    child.stdin.end();
    expect(await child).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('mmm-uniqsign prints 32 hex digits', async () => {
    expect((await run('mmm-uniqsign')).stdout).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('the daemons of the package, with both masters away', () => {
  let redis: RedisServer;
  let daemons: readonly Process[];
  let members: readonly string[];

  beforeAll(async () => {
    const ports = await freePorts(2);
    members = ports.map((port) => `127.0.0.1:${port}`);
    redis = await startRedis();
    await plant(redis, members);
    await configure(redis, members);
    daemons = DAEMONS.map((name) => {
      const conf = join(installed, confOf(name));
      return startProcess(name, command(name), ['--conf', conf], { logFile: join(dir.path, `${name}.log`) });
    });
  });
  afterAll(async () => {
    await Promise.all((daemons ?? []).map((daemon) => daemon.stop()));
    await redis?.[Symbol.asyncDispose]();
  });

  it('start, say that they are ready, and stay', async () => {
    for (const daemon of daemons) {
      await eventually(`${daemon.name} is ready`, () => {
        if (!daemon.alive()) throw new Error(daemon.log());
        return daemon.log().includes('"event":"ready"');
      });
    }
    expect(daemons.filter((daemon) => !daemon.alive())).toEqual([]);
  });

  it('mmm-sidecar has rendered the shipped template', async () => {
    const file = join(dir.path, 'haproxy.cfg');
    const text = await eventually('the file', () => readFile(file, 'utf8').catch(() => null));
    for (const member of members) expect(text).toContain(member);
  });

  it('mmm-status tells that the writer is dead', async () => {
    const conf = join(installed, 'mmm.conf');
    const look = () => run('mmm-status', '--conf', conf);
    const { stdout } = await eventually(
      'both are dead',
      look,
      (seen) => seen.stdout.split('(dead').length === 3,
    );
    expect(stdout).toContain(`  active: ${members[0]}(dead readonly: -1, replcheck: Error)`);
  });

  it('stop at TERM with exit code 0', async () => {
    const exits = await Promise.all(daemons.map((daemon) => daemon.stop()));
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  });
});

describe('an old Node', () => {
  // The oldest one whose syntax the entries still keep to, and one that reads everything but lacks features.
  it.for(['12.22.12', '18.20.8'])(
    '%s: every program says in one sentence what it needs',
    async (version, context) => {
      const node = await otherNode(version);
      if ('why' in node) return context.skip(`Node ${version} cannot be had: ${node.why}`);
      const { engines } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
      for (const name of PROGRAMS) {
        const file = join(installed, 'node_modules/mmm-manager/dist/bin', `${name}.js`);
        expect(await execa(node.path, [file, '--help'], { reject: false })).toMatchObject({
          exitCode: name === 'mmm-status' ? 3 : 2,
          stdout: '',
          stderr: `${name}: needs Node ${engines.node.replace('>=', '')} or later, this is v${version}`,
        });
      }
    },
  );
});

/** Packs a copy of the project in which an earlier build has left something that is no longer in the sources. */
async function pack(clone: string): Promise<string> {
  const parts = ['package.json', 'tsconfig.json', 'src', 'templates', 'examples', 'docs'];
  const texts = ['README.md', 'CHANGELOG.md', 'LICENSE'];
  for (const part of [...parts, ...texts]) await cp(join(ROOT, part), join(clone, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  await mkdir(join(clone, 'dist/bin'), { recursive: true });
  await writeFile(join(clone, 'dist/bin/leftover.js'), '');
  const args = ['pack', '--silent', '--pack-destination', dir.path];
  await execa('npm', args, { cwd: clone, timeout: 120_000 });
  const [tarball] = (await readdir(dir.path)).filter((name) => name.endsWith('.tgz'));
  return join(dir.path, tarball ?? 'no tarball was made');
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length));
}

function command(name: string): string {
  return join(installed, 'node_modules/.bin', name);
}

async function run(name: string, ...args: readonly string[]) {
  return await execa(command(name), args, { reject: false, timeout: 20_000 });
}

function confOf(name: string): string {
  return name === 'mmm-agent' || name === 'mmm-sidecar' ? `${name}.conf` : 'mmm.conf';
}

/** A cluster that was well before both masters went away. */
async function plant(redis: RedisServer, members: readonly string[]): Promise<void> {
  const [a = '', b = ''] = members;
  const hub = createRedisHub({ host: redis.host, port: redis.port });
  const topology = aTopology();
  const next = {
    ...topology,
    to: a,
    writer: a,
    members: topology.members.map((member, index) => ({ ...member, address: members[index] ?? '' })),
  };
  await hub.commit({
    basedOn: null,
    next,
    events: [],
    legacy: { active: a, passive: b, sinceEpochMs: 1 },
    announceOn: null,
    takes: null,
    answers: [],
  });
  await hub.close();
}

/** The minimal examples with the addresses of this test. */
async function configure(redis: RedisServer, members: readonly string[]): Promise<void> {
  const [a = '', b = ''] = members;
  const examples = join(installed, 'node_modules/mmm-manager/examples/minimal');
  for (const name of await readdir(examples)) {
    const text = (await readFile(join(examples, name), 'utf8'))
      .replaceAll('10.0.21.5:3308', a)
      .replaceAll('10.0.21.7:3308', b)
      .replaceAll('10.0.21.17:6379', `${redis.host}:${redis.port}`)
      .replace('/etc/haproxy/haproxy.cfg', join(dir.path, 'haproxy.cfg'))
      .replace(/^reload_cmd=.*/m, 'reload_cmd=true')
      .replace(/^(?:check_cmd|socket)=.*\n/gm, '');
    expect(text).toContain(name === 'mmm-sidecar.conf' ? SIGN : '[redis]');
    await writeFile(join(installed, name), `${text}[state]\ndir=${join(dir.path, 'state')}\n`);
    await chmod(join(installed, name), 0o600);
  }
}

/** The compose example, as far as it can be checked without containers; `npm run test:compose` runs it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentConfig } from '../../src/config/agent.ts';
import { loadMmmConfig } from '../../src/config/mmm.ts';
import { loadSidecarConfig } from '../../src/config/sidecar.ts';
import { isHandedIn } from '../../src/config/source.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'examples/compose');
const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const programs = Object.keys(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }).bin,
);
const secrets = hits(/file: \.\/examples\/compose\/secrets\/(\S+)/g);

test('every file and folder that docker-compose.yml mounts is there', () => {
  const mounted = hits(/^ +- (\.\/[^:]+):/gm);
  expect(mounted.length).toBeGreaterThan(5);
  expect(mounted.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('every daemon of docker-compose.yml is a program of the package', () => {
  const daemons = hits(/^ +command: \[(mmm-[a-z]+)\]/gm);
  expect(daemons).toEqual(['mmm-monitor', 'mmm-identify', 'mmm-agent', 'mmm-sidecar']);
  expect(daemons.filter((name) => !programs.includes(name))).toEqual([]);
});

test('what the Dockerfile copies is there and is not ignored', () => {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
    ([, paths]) => paths?.split(' ') ?? [],
  );
  expect(copied.length).toBeGreaterThan(4);
  expect(copied.filter((path) => !existsSync(join(root, path)) || !allowed.includes(`!${path}\n`))).toEqual(
    [],
  );
});

test('secrets are files that make-secrets.sh makes, that git ignores, and that no image or package takes in', () => {
  const script = readFileSync(join(folder, 'make-secrets.sh'), 'utf8');
  const made = /for name in (.*); do/
    .exec(script)?.[1]
    ?.split(' ')
    .map((name) => `${name}_password`);
  expect([...secrets].sort()).toEqual([...(made ?? [])].sort());
  expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('secrets/\n');
  expect(readFileSync(join(root, '.dockerignore'), 'utf8')).not.toContain('examples');
});

test('no password stands in docker-compose.yml or in a file beside it', () => {
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:conf|cfg|cnf|sh|mjs)$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  expect(texts.length).toBeGreaterThan(7);
  for (const text of [compose, ...texts]) {
    expect(text).not.toMatch(/^\s*\w*password[ \t]*[=:][ \t]*\S/im);
    expect(text).not.toMatch(/IDENTIFIED BY '(?!\$\()/);
  }
});

test('the configuration files of the compose example load without a warning and name the same cluster', async () => {
  const conf = await withSecrets();
  const mmm = await loadMmmConfig(join(conf, 'mmm.conf'));
  const agent = await loadAgentConfig(join(conf, 'mmm-agent.conf'));
  const sidecar = await loadSidecarConfig(join(conf, 'mmm-sidecar.conf'));
  expect([...mmm.warnings, ...agent.warnings, ...sidecar.warnings]).toEqual([]);
  const [cluster] = mmm.clusters;
  expect(agent.mysql.members).toEqual(cluster?.masters);
  expect(sidecar.clusters).toMatchObject([{ uniqsign: cluster?.uniqsign, members: cluster?.masters }]);
});

test('a secret that a container engine hands in may be readable by all users of the container', () => {
  expect(isHandedIn('/run/secrets/mmm_password')).toBe(true);
  expect(isHandedIn('/etc/mmm-manager/mysql.secret')).toBe(false);
});

function hits(pattern: RegExp): string[] {
  return [...compose.matchAll(pattern)].flatMap(([, first]) => first ?? []);
}

/** A copy of the configuration that finds its secrets, and everything else it names, on this machine. */
async function withSecrets(): Promise<string> {
  const conf = await mkdtemp(join(tmpdir(), 'mmm-compose-'));
  onTestFinished(() => rm(conf, { recursive: true }));
  await cp(join(folder, 'conf'), conf, { recursive: true });
  for (const name of secrets) await writeFile(join(conf, name), 'secret\n', { mode: 0o600 });
  for (const file of readdirSync(conf).filter((name) => name.endsWith('.conf'))) {
    const text = await readFile(join(conf, file), 'utf8');
    await writeFile(join(conf, file), text.replaceAll('/run/secrets/', `${conf}/`));
  }
  return conf;
}

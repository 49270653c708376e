/** The architecture, as a table: which folder of src may import which. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  targets: ['core'],
  dialects: ['core'],
  errors: [],
  ports: ['core'],
  hub: ['core', 'ports', 'errors'],
  mysql: ['core', 'ports', 'errors', 'dialects'],
  haproxy: ['core', 'ports', 'errors'],
  render: ['core', 'ports', 'errors', 'targets'],
  notify: ['core', 'ports', 'errors'],
  host: ['core', 'ports', 'errors'],
  system: ['core', 'ports', 'errors'],
  config: ['core', 'errors', 'targets'],
  daemons: [
    'core',
    'ports',
    'errors',
    'targets',
    'hub',
    'mysql',
    'haproxy',
    'render',
    'notify',
    'host',
    'system',
    'config',
  ],
  cli: ['core', 'ports', 'errors', 'hub', 'mysql', 'config', 'system', 'daemons'],
  bin: ['cli'],
};

/** Packages that only these folders may know: each is one adapter's business. */
const packages: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['hub'],
  mysql2: ['mysql', 'haproxy'],
  handlebars: ['render'],
  execa: ['system'],
  pino: ['system'],
  chokidar: ['render', 'daemons'],
  ini: ['config'],
  commander: ['cli'],
  nodemailer: ['notify'],
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));

it('imports point inwards only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('.'))
      .map((target) => layerOf(relative(SRC, resolve(SRC, dirname(file), target))))
      .filter((layer) => layer !== layerOf(file) && !allowed[layerOf(file)]?.includes(layer))
      .map((layer) => `${file} imports ${layer}`),
  );
  expect(wrong).toEqual([]);
});

it('core and the descriptions know no package but zod, and nothing of Node', () => {
  const pure = files.filter((file) => ['core', 'targets', 'dialects'].includes(layerOf(file)));
  const foreign = pure.flatMap((f) =>
    importsOf(f)
      .filter((i) => !i.startsWith('.') && i !== 'zod')
      .map((i) => `${f}: ${i}`),
  );
  expect(foreign).toEqual([]);
});

it('each package is known by its own adapter only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .map((target) => target.split('/')[0] ?? '')
      .filter((name) => name in packages && !packages[name]?.includes(layerOf(file)))
      .map((name) => `${file}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

it('mmm-status starts without a MySQL client', () => {
  expect([...reachable('bin/mmm-status.ts')].filter((f) => /^(mysql|haproxy|render)\//.test(f))).toEqual([]);
});

function layerOf(file: string): string {
  if (file.startsWith(join('mysql', 'dialects'))) return 'dialects';
  return file.split('/')[0]?.replace(/\.ts$/, '') ?? '';
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const imports = /^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(imports)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}

function reachable(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const target of importsOf(file).filter((i) => i.startsWith('.'))) {
    reachable(relative(SRC, resolve(SRC, dirname(file), target)), seen);
  }
  return seen;
}

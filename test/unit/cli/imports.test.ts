import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('mmm-status and mmm-control load neither a MySQL client nor the renderer: they must start fast', () => {
  for (const program of ['mmm-status', 'mmm-control', 'mmm-uniqsign']) {
    const packages = packagesOf(new URL(`../../../src/bin/${program}.ts`, import.meta.url));
    expect(packages).toContain('commander');
    for (const heavy of ['mysql2', 'mysql2/promise', 'handlebars', 'chokidar', 'execa', 'pino']) {
      expect(packages, program).not.toContain(heavy);
    }
  }
});

/** Packages that a file imports, itself or through others, at run time. */
function packagesOf(entry: URL): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file.href)) continue;
    seen.add(file.href);
    const text = readFileSync(file, 'utf8');
    // What an entry starts it loads later, but always; what a command loads later it loads when it is needed.
    const later = file.pathname.includes('/src/bin/') ? text.matchAll(/\bimport\('([^']+)'\)/g) : [];
    const now = text.matchAll(/^(?:import|export)\s+(?!type)[^;]*?from\s+'([^']+)'/gms);
    for (const [, from = ''] of [...now, ...later]) {
      if (from.startsWith('.')) queue.push(new URL(from, file));
      else packages.add(from);
    }
  }
  return packages;
}

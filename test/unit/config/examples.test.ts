import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AGENT_KEYS, loadAgentConfig } from '../../../src/config/agent.ts';
import { loadMmmConfig, MMM_KEYS } from '../../../src/config/mmm.ts';
import { loadSidecarConfig, SIDECAR_KEYS } from '../../../src/config/sidecar.ts';
import { writeConfig } from './support.ts';

const examples = join(import.meta.dirname, '../../../examples');
const programs = [
  { file: 'mmm.conf', load: loadMmmConfig, keys: MMM_KEYS },
  { file: 'mmm-agent.conf', load: loadAgentConfig, keys: AGENT_KEYS },
  { file: 'mmm-sidecar.conf', load: loadSidecarConfig, keys: SIDECAR_KEYS },
] as const;

test.for(programs)('examples/$file loads and so does its minimal version', async ({ file, load }) => {
  for (const path of [join(examples, file), join(examples, 'minimal', file)]) {
    const { warnings } = await load(path);
    expect(warnings.filter((line) => !line.includes('others can read'))).toEqual([]);
  }
});

test.for(programs)('examples/$file loads with every key switched on', async ({ file, load }) => {
  const text = await readFile(join(examples, file), 'utf8');
  const on = text
    .replace(/^;(?!.*password_file=|verify_user=|tls_)/gm, '')
    .replace(/^verify_password=.*$/gm, '');
  expect((await load(await writeConfig(file, on))).warnings).toEqual([]);
});

test.for(programs)('examples/$file names every key that works, in its section', async ({ file, keys }) => {
  const named = keysBySection(await readFile(join(examples, file), 'utf8'));
  for (const [section, wanted] of Object.entries(keys)) {
    const kind = section.split(' ')[0] ?? section;
    const found = named.filter(([name]) =>
      section === 'TAG' ? name === 'mysql3308' : name.split(' ')[0] === kind,
    );
    expect([section, wanted.filter((key) => !found.some(([, one]) => one === key))]).toEqual([section, []]);
  }
});

test.for(programs)('examples/$file says what each of its keys is for', async ({ file }) => {
  const lines = (await readFile(join(examples, file), 'utf8')).split('\n');
  expect(lines.filter((line) => /^;?[A-Za-z0-9_.]+=/.test(line) && !/ # +\S/.test(line))).toEqual([]);
});

test.for(['mmm.conf', 'mmm-agent.conf', 'mmm-sidecar.conf'])(
  'examples/minimal/%s is a dozen lines or less',
  async (file) => {
    const text = await readFile(join(examples, 'minimal', file), 'utf8');
    expect(text.trim().split('\n').length).toBeLessThanOrEqual(12);
  },
);

function keysBySection(text: string): readonly (readonly [section: string, key: string])[] {
  let section = '';
  return text.split('\n').flatMap((line) => {
    section = /^\[([^\]]+)\]/.exec(line)?.[1] ?? section;
    const key = /^;?([A-Za-z0-9_.]+)=/.exec(line)?.[1];
    return key === undefined ? [] : [[section, key] as const];
  });
}

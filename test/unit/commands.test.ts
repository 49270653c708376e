/** Commands that the texts and the units name exist, with those flags. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsIn, complaintsAbout } from '../support/command-lines.ts';

const ROOT = join(import.meta.dirname, '../..');
const TEXTS = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];

describe.each(TEXTS)('%s', (file) => {
  const commands = [...new Set(commandsIn(readFileSync(join(ROOT, file), 'utf8')))];

  it('names commands', () => {
    expect(commands.length).toBeGreaterThan(1);
  });

  it.each(commands)('%s', (command) => {
    expect(complaintsAbout(command)).toEqual([]);
  });
});

it('a command that does not exist is complained about', () => {
  expect(complaintsAbout('mmm-control explode')).toEqual(['mmm-control has no verb or argument explode']);
  expect(complaintsAbout('mmm-control switchover --now')).toEqual(['mmm-control has no flag --now']);
  expect(complaintsAbout('mmm-doctor')).toEqual(['there is no program mmm-doctor']);
  expect(complaintsAbout('mmm-status --tag A events -n 5')).toEqual([]);
});

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadAgentConfig } from '../../../src/config/agent.ts';
import { mistakesOf, writeConfig } from './support.ts';

const shipped = join(import.meta.dirname, '../../fixtures/ancestor/mmm-agent.conf');
const redis = '[redis]\nhost=10.0.21.17:6379\n';

test('the file that the ancestor ships starts the agent, and what has no effect is said aloud', async () => {
  const config = await loadAgentConfig(shipped);
  expect(config.mysql).toEqual({
    database: 'information_schema',
    user: 'user_mmm',
    password: 'xxxxxxxx',
    charset: 'utf8',
    connectTimeoutMs: 1000,
    tryOnFailure: 3,
    startsClosed: 'auto',
    members: null,
    block: { user: '^user_app1|^user_app2$', host: '^10\\.0\\.21\\.%$' },
  });
  expect(config.warnings.join('\n')).toContain('without members, whoever can write to Redis');
});

test('keys of the ancestor that are empty or off say nothing', async () => {
  const file = await writeConfig(
    'mmm-agent.conf',
    `[mysql]\nuser=u\nmembers=a:1,b:1\nblock_user=\nsend_mail=0\n${redis}`,
  );
  expect((await loadAgentConfig(file)).warnings).toEqual([]);
});

test('the agent reads its own keys and refuses the ones that do not work yet', async () => {
  const good = await writeConfig(
    'mmm-agent.conf',
    `[mysql]\nuser=u\nmembers=a:1, b:1\nstarts_closed=yes\n${redis}[oops]\nx=1\n`,
  );
  const config = await loadAgentConfig(good);
  expect(config.mysql).toMatchObject({ members: ['a:1', 'b:1'], startsClosed: 'yes', password: '' });
  expect(config.warnings).toEqual([`${good}:7: unknown section [oops] is ignored`]);
  const bad = await writeConfig(
    'mmm-agent.conf',
    `[mysql]\nmembers=a:1,a:1\nthis=a:1\nrepl_password_file=x\n${redis}`,
  );
  expect(await mistakesOf(loadAgentConfig(bad), bad)).toEqual([
    ':1: [mysql] needs user',
    ':2: members names a:1 twice',
    ':3: this is not supported yet',
    ':4: repl_password_file is not supported yet',
  ]);
});

test('block_user and block_host work together only: one of them names the other', async () => {
  const load = async (lines: string) => {
    const file = await writeConfig('mmm-agent.conf', `[mysql]\nuser=u\nmembers=a:1,b:1\n${lines}\n${redis}`);
    const { mysql, warnings } = await loadAgentConfig(file);
    return { block: mysql.block, warnings: warnings.map((line) => line.replace(file, '')) };
  };
  const both = await load('block_user=^app#1;$\nblock_host=^10\\.0\\.');
  expect(both).toEqual({ block: { user: '^app#1;$', host: '^10\\.0\\.' }, warnings: [] });
  const none = await load('block_user=\nblock_host=');
  expect(none).toEqual({ block: null, warnings: [] });
  const user = await load('block_user=^app');
  expect(user.block).toBeNull();
  expect(user.warnings).toEqual([expect.stringContaining(':4: block_user without block_host does nothing')]);
  const host = await load('block_host=^10');
  expect(host.warnings).toEqual([expect.stringContaining(':4: block_host without block_user does nothing')]);
});

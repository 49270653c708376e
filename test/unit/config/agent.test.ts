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
    locals: [],
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
    `[mysql]\nmembers=a:1,a:1\nrepl_user=x\nrepl_password_file=x\n${redis}`,
  );
  expect(await mistakesOf(loadAgentConfig(bad), bad)).toEqual([
    ':1: [mysql] needs user',
    ':2: members names a:1 twice',
    ':3: repl_user is not supported yet',
    ':4: repl_password_file is not supported yet',
  ]);
});

test('the servers on its own machine are named in this, each with its pid file or none with one', async () => {
  const load = (lines: string) =>
    writeConfig('mmm-agent.conf', `[mysql]\nuser=u\nmembers=a:1,b:1\n${lines}\n${redis}`);
  const one = await loadAgentConfig(await load('this=a:1'));
  expect(one.mysql.locals).toEqual([{ address: 'a:1', pidFile: null }]);
  const two = await loadAgentConfig(await load('this=b:1, a:1\npid_file=/run/b.pid, /run/a.pid'));
  expect(two.mysql.locals).toEqual([
    { address: 'b:1', pidFile: '/run/b.pid' },
    { address: 'a:1', pidFile: '/run/a.pid' },
  ]);
  const wrong = await load('this=c:1\npid_file=/run/a.pid, /run/b.pid');
  expect(await mistakesOf(loadAgentConfig(wrong), wrong)).toEqual([
    ':4: this names c:1, which is not in members',
    ':5: pid_file must name one file for each server of this, in the same order: there are 2 for 1 in this',
  ]);
  const relative = await load('this=a\npid_file=a.pid');
  expect(await mistakesOf(loadAgentConfig(relative), relative)).toEqual([
    ':4: this must be host:port addresses between commas: "a" is not',
    ':5: pid_file must be paths that begin with / between commas: "a.pid" is not',
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

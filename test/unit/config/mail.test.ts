import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadAgentConfig } from '../../../src/config/agent.ts';
import { mistakesOf, writeConfig } from './support.ts';

const shipped = join(import.meta.dirname, '../../fixtures/ancestor/mmm-agent.conf');

test('the file that the ancestor ships sends mail to its relay', async () => {
  expect((await loadAgentConfig(shipped)).mail).toEqual({
    host: '10.0.21.5',
    port: 25,
    sender: 'mmm_manager@mmm.com',
    receivers: ['dba1@mmm.com', 'dba2@mmm.com'],
  });
});

test.for([
  ['email_server=relay.example.com:2525', { host: 'relay.example.com', port: 2525 }],
  ['email_server=smtp://10.0.21.5', { host: '10.0.21.5', port: 25 }],
  ['email_server=[fd00::5]:26', { host: 'fd00::5', port: 26 }],
  ['', { host: 'localhost', port: 25, sender: 'mmm_manager@mmm.com', receivers: ['root@localhost'] }],
  [
    'email_server=10.0.21.5\nemail_sender=mmm',
    { sender: 'mmm@[10.0.21.5]', receivers: ['root@[10.0.21.5]'] },
  ],
  ['email_server=relay.example.com', { receivers: ['root@relay.example.com'] }],
  ['email_server=[::1]:25', { receivers: ['root@[IPv6:::1]'] }],
  ['email_sender=db@example.com', { sender: 'db@example.com' }],
] as const)('the mail server and the sender: %s', async ([line, wanted]) => {
  expect((await load(`send_mail=1\nemail_receiver=root\n${line}`)).mail).toMatchObject(wanted);
});

test('receivers stand between commas, as the ancestor has them, or blanks, each counted once', async () => {
  const { mail } = await load("send_mail=yes\nemail_receiver=a@b.example,, o'neil@b.example root, root");
  expect(mail?.receivers).toEqual(['a@b.example', "o'neil@b.example", 'root@localhost']);
});

test.for(['0', 'no', ''])('with send_mail=%s nobody gets mail, whatever else stands there', async (value) => {
  const config = await load(`send_mail=${value}\nemail_server=?\nemail_receiver=<<<`);
  expect([config.mail, config.warnings]).toEqual([null, []]);
});

test('without a receiver nobody gets mail, as with the ancestor, and that is said', async () => {
  const config = await load('send_mail=1\nemail_receiver=');
  expect(config.mail).toBeNull();
  expect(config.warnings).toEqual([
    expect.stringMatching(/:4: send_mail without email_receiver: nobody gets mail$/),
  ]);
});

test('all mistakes are named with their lines', async () => {
  const file = await written(
    [
      'send_mail=1',
      'email_server=smtps://relay:465',
      'email_sender=me@x, you@x',
      'email_receiver=DBA Team <dba@x>, x@-y, -oQ/tmp, a@b@c',
    ].join('\n'),
  );
  expect(await mistakesOf(loadAgentConfig(file), file)).toEqual([
    ':5: email_server must be a host or host:port, such as 10.0.21.5:25, not "smtps://relay:465"',
    ':6: email_sender must be one mail address',
    ...['<dba@x>', 'x@-y', '-oQ/tmp', 'a@b@c'].map(
      (word) => `:7: email_receiver: "${word}" is not a mail address such as dba@example.com`,
    ),
  ]);
  const maybe = await written('send_mail=maybe');
  expect(await mistakesOf(loadAgentConfig(maybe), maybe)).toEqual([
    expect.stringMatching(/^:4: send_mail must be 0 or 1 or /),
  ]);
});

async function load(lines: string): ReturnType<typeof loadAgentConfig> {
  return loadAgentConfig(await written(lines));
}

function written(lines: string): Promise<string> {
  return writeConfig('mmm-agent.conf', `[mysql]\nuser=u\nmembers=a:1,b:1\n${lines}\n[redis]\nhost=r:1\n`);
}

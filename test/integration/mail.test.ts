import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Mailer, startMailer } from '../../src/daemons/mailer.ts';
import { createPostman, type SmtpOptions } from '../../src/notify/smtp.ts';
import type { Clock, Letter, Log } from '../../src/ports.ts';
import { createClock } from '../../src/system/clock.ts';
import { createMailbox } from '../../src/system/mailbox.ts';
import { A, aTopology, B, SIGN } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { type MailServer, startMailServer } from '../support/smtp.ts';

const letter: Letter = {
  id: '8d9a4b2924dc40baa792d742cb786345.43.changed',
  subject: 'mmm-manager change',
  text: [
    '+-- active-passive changed',
    '+-- active: 10.0.21.7:3308, passive: 10.0.21.5:3308, uniqsign: 8d9a4b2924dc40baa792d742cb786345',
    '',
    '.',
    '.. a line that begins with dots',
    '  why   nobody listens there',
    '',
  ].join('\n'),
  to: null,
  writtenAtEpochMs: 1,
};
const never = new AbortController().signal;

test('plain: the message arrives line for line, as the ancestor sent it', async () => {
  await using server = await startMailServer();
  expect(await deliver(server, letter)).toEqual({ ok: true, refused: [] });
  const [mail] = server.mails;
  expect(mail).toMatchObject({
    from: 'mmm_manager@mmm.com',
    to: ['dba1@mmm.com', 'dba2@mmm.com'],
    subject: 'mmm-manager change',
    encrypted: false,
  });
  expect(mail?.body.join('\n').trimEnd()).toBe(letter.text.trimEnd());
  expect(mail?.raw).toMatch(/^From: mmm_manager@mmm\.com$/m);
  expect(mail?.raw).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m);
  expect(mail?.raw).toMatch(/^Message-ID: <8d9a4b2924dc40baa792d742cb786345\.43\.changed@mmm\.com>$/m);
  expect(mail?.raw).toMatch(/^Date: \w{3}, \d{2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/m);
});

test('a mailbox of the mail server, and other letters than ASCII, arrive as they are', async () => {
  await using server = await startMailServer();
  const text = 'Grüße, 日本語\n';
  expect(await deliver(server, { ...letter, text }, { receivers: ['root@[127.0.0.1]'] })).toMatchObject({
    ok: true,
  });
  expect(server.mails[0]?.body[0]).toBe('Grüße, 日本語');
  expect(server.mails[0]?.to).toEqual(['root@[127.0.0.1]']);
});

test('STARTTLS with a self-signed certificate: encrypted', async () => {
  await using server = await startMailServer({ starttls: true });
  expect(await deliver(server, letter)).toMatchObject({ ok: true });
  expect(server.mails.map(({ encrypted }) => encrypted)).toEqual([true]);
});

test('STARTTLS that is offered and does not work: in the clear, as the ancestor sent it', async () => {
  await using server = await startMailServer({ starttls: true, brokenTls: true });
  expect(await deliver(server, letter)).toMatchObject({ ok: true });
  expect(server.mails.map(({ encrypted }) => encrypted)).toEqual([false]);
});

test('dead: what, where and what next', async () => {
  const port = await freePort();
  expect(await deliver({ port }, letter)).toEqual({
    ok: false,
    isAnswer: false,
    forGood: false,
    why: `mail server 127.0.0.1:${port}: nobody listens there; is it running, and is email_server right?`,
  });
});

test('a name that nobody knows: the same', async () => {
  const delivery = await deliver({ port: 25 }, letter, { host: 'no-such-host.invalid' });
  expect(delivery).toMatchObject({ ok: false, isAnswer: false });
  expect(JSON.stringify(delivery)).toContain('its name is not known');
});

test.for(['greeting', 'data'] as const)('a server that hangs (%s) is given up in time', async (hangs) => {
  await using server = await startMailServer({ hangs });
  const delivery = await deliver(server, letter, { connectMs: 300, silenceMs: 300 });
  expect(delivery).toMatchObject({ ok: false, isAnswer: false });
  expect(JSON.stringify(delivery)).toContain('no answer in time');
});

test('a server that looks into the mail for longer than a connection may take gets it once', async () => {
  await using server = await startMailServer({ takesMs: 900 });
  expect(await deliver(server, letter, { connectMs: 300 })).toEqual({ ok: true, refused: [] });
  expect(server.mails).toHaveLength(1);
});

test('a server that hangs is given up as a whole, too', async () => {
  await using server = await startMailServer({ hangs: 'data' });
  const delivery = await deliver(server, letter, { wholeMs: 300 });
  expect(JSON.stringify(delivery)).toContain('not done within 300 ms');
});

test.for(['greeting', 'data'] as const)(
  'while it hangs (%s) sending stops at once when told to',
  async (hangs) => {
    await using server = await startMailServer({ hangs });
    const abort = new AbortController();
    const sent = deliver(server, letter, {}, abort.signal);
    await eventually('somebody has connected', () => server.connections() > 0);
    abort.abort();
    expect(await sent).toMatchObject({ ok: false, isAnswer: false });
  },
);

test('a receiver that is refused keeps nobody else from getting the mail, and is named', async () => {
  await using server = await startMailServer({
    onRcptTo({ address }, _session, callback) {
      if (!address.startsWith('dba1')) return callback();
      callback(Object.assign(new Error('greylisted,\r\ncome again'), { responseCode: 450 }));
    },
  });
  const delivery = await deliver(server, letter);
  expect(delivery).toMatchObject({ ok: true, refused: [{ to: 'dba1@mmm.com', forNow: true }] });
  expect(server.mails.map(({ to }) => to)).toEqual([['dba2@mmm.com']]);
  await deliver(server, { ...letter, to: ['dba2@mmm.com'] });
  expect(server.mails.map(({ to }) => to)).toEqual([['dba2@mmm.com'], ['dba2@mmm.com']]);
});

test('a server that takes it for nobody, or not at all, has answered: for good only if it refuses everybody for good', async () => {
  await using strict = await startMailServer({
    onRcptTo: (_address, _session, callback) =>
      callback(Object.assign(new Error('relaying denied'), { responseCode: 554 })),
  });
  await using mixed = await startMailServer({
    onRcptTo: ({ address }, _session, callback) =>
      callback(
        address.startsWith('dba1')
          ? Object.assign(new Error('greylisted'), { responseCode: 450 })
          : Object.assign(new Error('no such user'), { responseCode: 550 }),
      ),
  });
  await using full = await startMailServer({ refuses: 'mailbox full' });
  for (const [server, words, forGood] of [
    [strict, 'relaying denied', true],
    [mixed, 'greylisted', false],
    [full, 'mailbox full', false],
  ] as const) {
    const delivery = await deliver(server, letter);
    expect(delivery).toMatchObject({ ok: false, isAnswer: true, forGood });
    expect(JSON.stringify(delivery)).toContain(words);
  }
});

test('something that is no mail server is told as such', async () => {
  const web = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const address = web.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const delivery = await deliver({ port }, letter, { connectMs: 2000, silenceMs: 2000 });
  web.close();
  expect(delivery).toMatchObject({ ok: false, isAnswer: false });
  expect(JSON.stringify(delivery)).toContain('is it a mail server');
});

test('what could not be sent arrives when the mail server is back, also after a restart of the agent', async () => {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'mmm-mail-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  let topology = aTopology();
  const said: string[] = [];
  const live = async (): Promise<{ readonly mailer: Mailer; end(): Promise<void> }> => {
    const abort = new AbortController();
    const postman = createPostman({ ...relay, port });
    const hub = { readTopology: async () => topology, events: async () => [] };
    const log = logTo(said);
    const mailbox = await createMailbox({ dir, log });
    const by = 'mmm-agent db1';
    const mailer = startMailer({ hub, clock: hasty(), log, mailbox, postman, by, signal: abort.signal });
    mailer.follow(SIGN);
    const end = (): Promise<void> => {
      abort.abort();
      return mailer.done;
    };
    await eventually('the cluster is known', () => mailbox.read(SIGN) !== null);
    return { mailer, end };
  };
  const first = await live();
  topology = aTopology({ generation: 43, kind: 'failover', from: A, to: B, writer: B, proof: 'b' });
  first.mailer.wake();
  await eventually('the failure is told', () => said.some((line) => line.includes('cannot send mail')));
  await first.end();
  const second = await live();
  await using server = await startMailServer({ port });
  await eventually('the mail has come', () => server.mails.length > 0);
  await eventually('it is known to be sent', () => said.some((line) => line.includes('sent a mail')));
  await second.end();
  const third = await live();
  third.mailer.wake();
  await third.end();
  expect(server.mails.map(({ subject, body }) => [subject, body[1]])).toEqual([
    ['mmm-manager change', `+-- active: ${B}, passive: ${A}, uniqsign: ${SIGN}`],
  ]);
  expect(said.filter((line) => line.includes('cannot send mail')).length).toBeLessThanOrEqual(2);
});

/** The pauses between two attempts are shorter here. */
function hasty(): Clock {
  const clock = createClock();
  return { ...clock, sleep: (ms, signal) => clock.sleep(ms / 100, signal) };
}

function logTo(said: string[]): Log {
  const say = (_fields: object, message: string): void => void said.push(message);
  return { debug: say, info: say, warn: say, error: say, child: () => logTo(said) };
}

const relay = {
  host: '127.0.0.1',
  sender: 'mmm_manager@mmm.com',
  receivers: ['dba1@mmm.com', 'dba2@mmm.com'],
};

function deliver(
  { port }: Pick<MailServer, 'port'>,
  what: Letter,
  over: Partial<SmtpOptions> = {},
  signal: AbortSignal = never,
): ReturnType<ReturnType<typeof createPostman>['send']> {
  const options = { ...relay, port, ...over };
  return createPostman(options).send(what, signal);
}

async function freePort(): Promise<number> {
  const server = await startMailServer();
  await server[Symbol.asyncDispose]();
  return server.port;
}

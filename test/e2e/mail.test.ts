import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { writeGap } from '../support/journal.ts';
import { freePorts } from '../support/processes.ts';
import { type Mail, type MailServer, startMailServer } from '../support/smtp.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { underLoad } from '../support/under-load.ts';

describe('mail', () => {
  let port = 0;
  let stack: Stack;
  let relay: MailServer | undefined;
  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    const keys = [
      'send_mail=1',
      `email_server=127.0.0.1:${port}`,
      'email_receiver=dba1@example.com, dba2@example.com',
    ];
    stack = await startStack({ agentKeys: keys });
  });
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]();
    await relay?.[Symbol.asyncDispose]();
  });

  test('a mail server that hangs delays no switchover and no stop; once one works, each change is told once', async () => {
    const first = await stack.writer();
    const second = stack.other(first);
    const { generation } = await stack.stable(first);
    relay = await startMailServer({ port, hangs: 'greeting' });
    const hanging = relay;
    for (const next of [second, first]) {
      const { verdict, journal, disturbedMs } = await underLoad(stack, { pauseMs: 15 }, async (workload) => {
        const { code, stdout, stderr } = await stack.control('switchover', '--to', next.address);
        expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
        await stack.stable(next);
        await workload.flowing();
      });
      expect(verdict).toMatchObject({ complaints: [], lost: 0 });
      const { gapMs } = writeGap(journal, disturbedMs);
      console.log(`write gap of a switchover beside a mail server that hangs: ${Math.round(gapMs)} ms`);
      await eventually('the mail server is asked', () => hanging.connections() > 0);
      await stack.healthy();
    }
    expect(await stack.agent.term()).toMatchObject({ code: 0 });
    await hanging[Symbol.asyncDispose]();
    relay = await startMailServer({ port });
    stack.agent.start();
    await mailsOf(relay, 2);
    expect(relay.mails.map(({ subject, to }) => [subject, to])).toEqual(
      [1, 2].map(() => ['mmm-manager change', ['dba1@example.com', 'dba2@example.com']]),
    );
    expect(relay.mails.map(({ body }) => body.slice(0, 3))).toEqual(
      [second, first].map((active) => [
        '+-- active-passive changed',
        `+-- active: ${active.address}, passive: ${stack.other(active).address}, uniqsign: ${stack.uniqsign}`,
        '',
      ]),
    );
    expect(relay.mails.map(generationOf)).toEqual([generation + 1, generation + 2]);
  });

  test('a crash is told once, and so is what the old writer holds too many when it is back', async () => {
    const mails = relay?.mails ?? [];
    const before = mails.length;
    const dead = await stack.writer();
    await stack.healthy();
    await dead.kill9();
    const heir = stack.other(dead);
    const { generation } = await stack.stable(heir);
    // Nobody judges it before it holds something of its own.
    stack.identify.freeze();
    await dead.start();
    await dead.admin('CREATE TABLE t.never_replicated (i INT)');
    stack.identify.thaw();
    await mailsOf(relay, before + 2);
    // Killed before it has noted that a mail was taken, it would rightly send that one again.
    await eventually(
      'the agent knows what it has sent',
      async () => (await stack.agent.lines()).filter(({ msg }) => msg === 'sent a mail').length,
      (sent) => sent === mails.length,
    );
    await stack.agent.kill9();
    stack.agent.start();
    await stack.agent.ready();
    const told = mails.slice(before);
    for (const mail of told) console.log(mail.raw);
    expect(told.map(({ subject }) => subject)).toEqual([
      'mmm-manager change',
      `mmm-manager change: DIVERGED [${stack.tag}]`,
    ]);
    expect(told.map(({ body }) => body[1])).toEqual([
      `+-- active: ${heir.address}, passive: ${dead.address}, uniqsign: ${stack.uniqsign}`,
      `+-- diverged: ${dead.address}, active: ${heir.address}, uniqsign: ${stack.uniqsign}`,
    ]);
    expect(told.map(generationOf)).toEqual([generation, generation]);
  });
});

function mailsOf(relay: MailServer | undefined, count: number): Promise<unknown> {
  return eventually(
    `${count} mails have come`,
    () => relay?.mails.map(({ subject, raw }) => `${subject}: ${raw.length}`) ?? [],
    (seen) => seen.length >= count,
    { withinMs: 30_000 },
  );
}

function generationOf({ raw }: Mail): number {
  return Number(/generation (\d+)/.exec(raw)?.[1]);
}

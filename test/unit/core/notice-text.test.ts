import { expect, test } from 'vitest';
import type { Notice, Turn } from '../../../src/core/notice.ts';
import { type NoticeText, noticeText } from '../../../src/core/notice-text.ts';
import { A, aTopology, B, SIGN } from '../../support/documents.ts';

const turn: Turn = {
  generation: 43,
  phase: 'stable',
  kind: 'failover',
  from: A,
  to: B,
  proof: 'b',
  reason: `${A} is dead for 203 ms: nobody listens there; is the server running? (while connecting)`,
  loss: 'none seen; certain when the old writer returns',
  atEpochMs: 1,
  pauseMs: 81,
};
const changed: Notice = { what: 'changed', turn, writer: B, before: A };
const halted: Notice = {
  what: 'halted',
  turn: { ...turn, phase: 'halted', reason: 'no standby' },
  before: A,
};
const diverged: Notice = {
  what: 'diverged',
  generation: 43,
  address: A,
  writer: B,
  count: 3,
  list: '0-1-7..9',
  atEpochMs: 1,
};

test('a change of writer is told as the ancestor told it, and then readably', () => {
  const { id, subject, text } = write(changed);
  expect(id).toBe(`${SIGN}.43.changed`);
  expect(subject).toBe('mmm-manager change');
  expect(text).toBe(`+-- active-passive changed
+-- active: ${B}, passive: ${A}, uniqsign: ${SIGN}

[mysql3308] failover: 10.0.21.7:3308 takes the writes now, 10.0.21.5:3308
took them before.

  when         2026-11-20 10:31:02 UTC, generation 43
  why          10.0.21.5:3308 is dead for 203 ms: nobody listens there; is
               the server running? (while connecting)
  old writer   its server process is gone, and it starts read-only (proof b)
  lost         none seen; certain when the old writer returns
  took         81 ms from closing the old writer to opening the new one

What to do
  Find out why 10.0.21.5:3308 failed, and start it again: it is kept closed
  and compared with 10.0.21.7:3308; it joins as standby when it holds
  nothing too many, else a mail about the divergence follows.

  mmm-status --tag mysql3308          how it is now
  mmm-status events --tag mysql3308   what happened, step by step

-- 
Sent by mmm-agent db1 for cluster mysql3308.
`);
});

test('a halt and a divergence have a subject that the same filter finds, and lines of their own', () => {
  const halt = write(halted);
  expect(halt.subject).toBe('mmm-manager change: HALTED [mysql3308]');
  expect(halt.text.split('\n').slice(0, 2)).toEqual([
    '+-- active-passive halted',
    `+-- active: none, last active: ${A}, uniqsign: ${SIGN}`,
  ]);
  expect(halt.text).toContain('nobody takes writes');
  expect(halt.text).toContain('no standby');
  const split = write(diverged);
  expect(split.subject).toBe('mmm-manager change: DIVERGED [mysql3308]');
  expect(split.text.split('\n').slice(0, 2)).toEqual([
    '+-- active-passive diverged',
    `+-- diverged: ${A}, active: ${B}, uniqsign: ${SIGN}`,
  ]);
  expect(split.text).toContain('up to 3 transactions: 0-1-7..9');
  expect(split.text).toContain('is kept closed');
});

test.for(['e', 'f', 'b-weak'] as const)('a change that rests on proof %s warns of a split brain', (proof) => {
  const { text } = write({ what: 'changed', writer: B, before: A, turn: { ...turn, proof } });
  expect(text).toContain(`SPLIT-BRAIN RISK: ${A} could not be proven closed`);
});

test.for(['a', 'b', null] as const)('a change that rests on proof %s does not', (proof) => {
  const { text } = write({ what: 'changed', writer: B, before: A, turn: { ...turn, proof } });
  expect(text).not.toContain('SPLIT-BRAIN');
});

test('a planned switchover has lost nothing and asks for nothing', () => {
  const planned: Turn = { ...turn, kind: 'switchover', proof: 'a', loss: '', reason: 'asked by root@vm' };
  const { text } = write({ what: 'changed', writer: B, before: A, turn: planned });
  expect(text).toMatch(/^ {2}lost +nothing$/m);
  expect(text).toContain('  Nothing: it was planned');
});

test('news that is told late says how it is by now', () => {
  const late = noticeText(changed, { ...writing, now: aTopology({ generation: 45 }) }).text;
  expect(late).toMatch(/OLD NEWS: by now it is generation 45, 10.0.21.5:3308 takes the\s+writes/);
  expect(write(changed).text).not.toContain('OLD NEWS');
});

test('nothing that comes from a server or from Redis can pass for a header or for a line of ours', () => {
  const evil = `x\r\nBcc: all@example.com\n+-- active: evil:1\n\n.\r\n\u202eabc\0\u2028From: me`;
  const all: Notice[] = [
    { what: 'changed', writer: B, before: A, turn: { ...turn, reason: evil, loss: evil } },
    { what: 'halted', before: A, turn: { ...turn, phase: 'halted', reason: evil } },
    { what: 'diverged', generation: 43, address: A, writer: B, count: 1, list: evil, atEpochMs: null },
  ];
  for (const notice of all) {
    const { subject, text, id } = noticeText(notice, { ...writing, by: evil });
    expect(subject).toMatch(/^[\x20-\x7e]+$/);
    expect(id).toMatch(/^[A-Za-z0-9_.-]+$/);
    expect(text).not.toMatch(/[^\n\P{Cc}]|\p{Cf}|\u2028/u);
    expect(text.match(/^(Bcc|From|\.)/gm)).toBeNull();
    expect(text.match(/^\+-- /gm)).toHaveLength(2);
  }
});

test('a long reason is cut: a mail stays readable', () => {
  const long = { ...turn, reason: 'word '.repeat(10_000), loss: 'x'.repeat(100_000) };
  const { text } = write({ what: 'changed', writer: B, before: A, turn: long });
  expect(text.length).toBeLessThan(5_000);
});

test('a single word as long as they come keeps to the lines that a mail server takes', () => {
  const long = { ...turn, reason: '語'.repeat(1_500), loss: 'x'.repeat(1_500) };
  const { text } = write({ what: 'changed', writer: B, before: A, turn: long });
  for (const one of text.split('\n')) expect(Buffer.byteLength(one)).toBeLessThanOrEqual(998);
  expect(text.match(/語/g)).toHaveLength(1_000);
  expect(text.match(/x/g)?.length).toBeGreaterThanOrEqual(1_000);
});

const writing = {
  now: aTopology({ generation: 43, writer: B, from: A, to: B }),
  by: 'mmm-agent db1',
  utc: () => '2026-11-20 10:31:02 UTC',
};

function write(notice: Notice): NoticeText {
  return noticeText(notice, writing);
}

import { setMaxListeners } from 'node:events';
import { expect, test } from 'vitest';
import type { Topology } from '../../../src/core/model.ts';
import { type Mailer, startMailer } from '../../../src/daemons/mailer.ts';
import type { Clock, Delivery, Letter, Log, Mailbox, Post, StoredEvent } from '../../../src/ports.ts';
import { A, anEvent, aTopology, B, SIGN } from '../../support/documents.ts';

const OTHER = 'another-cluster';
const DAY_MS = 86_400_000;
const refused: Delivery = { ok: false, why: 'nobody listens there', isAnswer: false, forGood: false };

test('the first sight of a cluster tells nothing, each change of writer exactly one mail', async () => {
  const site = aSite();
  const life = await site.live();
  await life.pass();
  expect(site.delivered).toEqual([]);
  site.moveWriter(B);
  await life.pass();
  await life.pass();
  site.moveWriter(A);
  await life.pass();
  expect(site.delivered).toEqual([`${SIGN}.43.changed`, `${SIGN}.44.changed`]);
});

test('what happened while the agent was down is told when it comes back, each change by itself', async () => {
  const site = aSite();
  await (await site.live()).end();
  site.moveWriter(B);
  site.moveWriter(A);
  site.moveWriter(B);
  await site.live();
  expect(site.delivered).toEqual([43, 44, 45].map((generation) => `${SIGN}.${generation}.changed`));
});

test('killed between any two steps, the agent loses no mail and repeats at most one', async () => {
  let deaths = 0;
  for (let step = 0; step < 40; step += 1) {
    const site = aSite();
    await (await site.live()).end();
    site.moveWriter(B);
    site.moveWriter(A);
    site.dieAt(step);
    const life = await site.live();
    site.moveWriter(B);
    await life.pass();
    if (site.isDead()) deaths += 1;
    await site.revive();
    const wanted = [43, 44, 45].map((generation) => `${SIGN}.${generation}.changed`);
    expect([...new Set(site.delivered)].toSorted()).toEqual(wanted);
    expect(site.delivered.length - wanted.length).toBeLessThanOrEqual(1);
  }
  expect(deaths).toBeGreaterThan(8);
});

test('while the mail server is away mails wait, pauses grow, it is said once, and then all arrive in order', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = () => refused;
  site.moveWriter(B);
  for (let i = 0; i < 7; i += 1) await life.pass();
  expect(site.said.filter((line) => line.includes('cannot send mail'))).toHaveLength(1);
  const pauses = life.slept.filter((ms) => ms >= 10_000 && ms < 3_600_000);
  expect(pauses.slice(0, 5)).toEqual([10_000, 60_000, 300_000, 900_000, 900_000]);
  site.moveWriter(A);
  await life.pass();
  expect(life.slept.filter((ms) => ms >= 10_000 && ms < 3_600_000).at(-1)).toBe(10_000);
  site.answers = () => ({ ok: true, refused: [] });
  await life.pass();
  expect(site.delivered).toEqual([`${SIGN}.43.changed`, `${SIGN}.44.changed`]);
});

test('a mail that the server refuses holds up no other; a server that is away is asked once per attempt', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = ({ id }) =>
    id.includes('.43.') ? { ...refused, isAnswer: true } : { ok: true, refused: [] };
  site.moveWriter(B);
  site.moveWriter(A);
  await life.pass();
  expect(site.delivered).toEqual([`${SIGN}.44.changed`]);
  site.answers = () => refused;
  site.moveWriter(B);
  await life.pass();
  site.asked = 0;
  await life.pass();
  // Two attempts while two mails wait.
  expect(site.asked).toBe(2);
});

test('who was refused for now gets the mail later, who was refused for good is named, the others get it once', async () => {
  const site = aSite();
  const life = await site.live();
  const later = { to: 'slow@x', why: '450 greylisted', forNow: true };
  site.answers = ({ to }) => ({
    ok: true,
    refused: to === null ? [later, { to: 'gone@x', why: '550 no such user', forNow: false }] : [],
  });
  site.moveWriter(B);
  await life.pass();
  await life.pass();
  await life.pass();
  expect(site.sentTo).toEqual([null, ['slow@x']]);
  expect(site.said.filter((line) => line.includes('gone@x'))).toHaveLength(1);
});

test('a mail that the server refuses for good is given up at once, aloud, and holds up no other', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = ({ id }) =>
    id.includes('.43.')
      ? { ok: false, why: '550 no such user', isAnswer: true, forGood: true }
      : { ok: true, refused: [] };
  site.moveWriter(B);
  site.moveWriter(A);
  await life.pass();
  site.asked = 0;
  for (let i = 0; i < 3; i += 1) await life.pass();
  expect([site.asked, site.delivered, site.disk.get(SIGN)?.waiting]).toEqual([0, [`${SIGN}.44.changed`], []]);
  const lost = site.said.filter((line) => line.includes('gave a mail up'));
  expect(lost).toHaveLength(1);
  for (const word of [`${SIGN}.43.changed`, 'mmm-manager change', '550 no such user'])
    expect(lost[0]).toContain(word);
});

test('a mail that cannot be sent for a day is given up, aloud and once', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = () => refused;
  site.moveWriter(B);
  for (let i = 0; i < 6; i += 1) await life.pass();
  site.epochMs += DAY_MS - 1;
  await life.pass();
  expect(site.disk.get(SIGN)?.waiting).toHaveLength(1);
  site.epochMs += 1;
  for (let i = 0; i < 3; i += 1) await life.pass();
  expect(site.disk.get(SIGN)?.waiting).toEqual([]);
  const lost = site.said.filter((line) => line.includes('gave a mail up'));
  expect(lost).toHaveLength(1);
  for (const word of [`${SIGN}.43.changed`, 'mmm-manager change', 'nobody listens there'])
    expect(lost[0]).toContain(word);
});

test('an old mail is not given up before the mail server has had some minutes', async () => {
  const site = aSite();
  const first = await site.live();
  site.answers = () => refused;
  site.moveWriter(B);
  await first.pass();
  await first.end();
  site.epochMs += 3 * DAY_MS;
  const second = await site.live();
  site.answers = () => ({ ok: true, refused: [] });
  await second.pass();
  expect(site.delivered).toEqual([`${SIGN}.43.changed`]);
});

test('no more than twenty mails of a cluster wait: the oldest is given up, aloud', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = () => refused;
  for (let i = 0; i < 25; i += 1) site.moveWriter(i % 2 === 0 ? B : A);
  await life.pass();
  expect(site.said.filter((line) => line.includes('gave a mail up'))).toHaveLength(5);
  site.answers = () => ({ ok: true, refused: [] });
  await life.pass();
  expect(site.delivered).toHaveLength(20);
  expect(site.delivered[0]).toBe(`${SIGN}.48.changed`);
});

test('a full disk keeps nobody from being told, and nobody from being told once only', async () => {
  const site = aSite();
  const life = await site.live();
  site.isDiskFull = true;
  site.moveWriter(B);
  await life.pass();
  await life.pass();
  site.isDiskFull = false;
  await life.pass();
  await life.end();
  await site.live();
  expect(site.delivered).toEqual([`${SIGN}.43.changed`]);
});

test('only clusters that are followed are told of', async () => {
  const site = aSite();
  const life = await site.live();
  life.mailer.follow(OTHER);
  await life.pass();
  site.moveWriter(B);
  await life.pass();
  expect(site.delivered.toSorted()).toEqual([`${SIGN}.43.changed`, `${OTHER}.43.changed`].toSorted());
  expect(site.read.has('never-followed')).toBe(false);
});

test('a mail server that hangs neither keeps news from being noticed nor the agent from stopping', async () => {
  const site = aSite();
  const life = await site.live();
  site.answers = null;
  site.moveWriter(B);
  await life.pass();
  site.moveWriter(A);
  await life.pass();
  expect(site.disk.get(SIGN)?.waiting.map(({ id }) => id)).toEqual([
    `${SIGN}.43.changed`,
    `${SIGN}.44.changed`,
  ]);
  await life.end();
  site.answers = () => ({ ok: true, refused: [] });
  await site.live();
  expect(site.delivered).toEqual([`${SIGN}.43.changed`, `${SIGN}.44.changed`]);
});

interface Life {
  readonly mailer: Mailer;
  /** How long its loops have slept. */
  readonly slept: readonly number[];
  /** Lets every sleep end, and everything that follows from it happen. */
  pass(): Promise<void>;
  end(): Promise<void>;
}

/** Two clusters in one Redis that change writers together, a disk that outlives the agent, and a mail server. */
function aSite() {
  let topology = aTopology();
  let events: readonly StoredEvent[] = [];
  let stepsLeft = Number.POSITIVE_INFINITY;
  const site = {
    delivered: [] as string[],
    sentTo: [] as (readonly string[] | null)[],
    said: [] as string[],
    read: new Set<string>(),
    disk: new Map<string, Post>(),
    isDiskFull: false,
    epochMs: 1_800_000_000_000,
    asked: 0,
    /** null: it never answers. */
    answers: (() => ({ ok: true, refused: [] })) as ((letter: Letter) => Delivery) | null,
    moveWriter(to: string): void {
      const generation = topology.generation + 1;
      const from = topology.writer;
      topology = aTopology({ generation, kind: 'switchover', from, to, writer: to, proof: 'a' });
      const event = anEvent({ generation, phase: 'stable', from: from ?? '', to, proof: 'a' });
      events = [...events, { ...event, at: `${generation}-0` }];
    },
    dieAt(step: number): void {
      stepsLeft = step;
    },
    isDead: () => stepsLeft < 0,
    async revive(): Promise<void> {
      stepsLeft = Number.POSITIVE_INFINITY;
      const life = await site.live();
      await life.pass();
    },
    live,
  };

  /** Where the agent may be killed: what comes after never happens. */
  function step(): Promise<void> {
    stepsLeft -= 1;
    return stepsLeft < 0 ? new Promise(() => undefined) : Promise.resolve();
  }

  function mailbox(): Mailbox {
    const memory = new Map(site.disk);
    return {
      read: (uniqsign) => memory.get(uniqsign) ?? null,
      async write(uniqsign, post) {
        memory.set(uniqsign, post);
        await step();
        if (site.isDiskFull) throw new Error('ENOSPC');
        site.disk.set(uniqsign, memory.get(uniqsign) ?? post);
        await step();
      },
    };
  }

  async function send(letter: Letter, signal: AbortSignal): Promise<Delivery> {
    site.asked += 1;
    await step();
    if (site.answers === null) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return { ok: false, why: 'stopped', isAnswer: false, forGood: false };
    }
    const delivery = site.answers(letter);
    if (delivery.ok) {
      site.delivered.push(letter.id);
      site.sentTo.push(letter.to);
    }
    await step();
    return delivery;
  }

  async function live(): Promise<Life> {
    const abort = new AbortController();
    const { clock, slept, pass } = steppedClock(() => site.epochMs);
    const ask = <T>(uniqsign: string, answer: T): Promise<T> => {
      site.read.add(uniqsign);
      return step().then(() => answer);
    };
    const mailer = startMailer({
      hub: {
        readTopology: (uniqsign) => ask<Topology>(uniqsign, { ...topology, uniqsign }),
        events: (uniqsign) => ask(uniqsign, events),
      },
      clock,
      log: logTo(site.said),
      mailbox: mailbox(),
      postman: { send },
      by: 'mmm-agent db1',
      signal: abort.signal,
    });
    mailer.follow(SIGN);
    await pass();
    return {
      mailer,
      slept,
      pass,
      async end() {
        abort.abort();
        await mailer.done;
      },
    };
  }

  return site;
}

function steppedClock(epochMs: () => number): {
  clock: Clock;
  slept: number[];
  pass(): Promise<void>;
} {
  const slept: number[] = [];
  const sleepers = new Set<() => void>();
  const clock: Clock = {
    now: () => 0,
    epochMs,
    sleep(ms, signal) {
      if (signal?.aborted === true) return Promise.resolve();
      if (signal !== undefined) setMaxListeners(0, signal);
      slept.push(ms);
      return new Promise((resolve) => {
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const pass = async (): Promise<void> => {
    // Once for the rest between two looks, once for the wait after a hint.
    for (let i = 0; i < 2; i += 1) {
      const now = [...sleepers];
      sleepers.clear();
      for (const resolve of now) resolve();
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, slept, pass };
}

function logTo(said: string[]): Log {
  const say = (fields: object, message: string): void =>
    void said.push(`${message} ${JSON.stringify(fields)}`);
  return { debug: say, info: say, warn: say, error: say, child: () => logTo(said) };
}

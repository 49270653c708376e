/**
 * Tells people by mail what they must hear. It lives beside the keepers and nobody waits for it: one loop finds what
 * is due and remembers it before anything is sent, the other hands it to the mail server, for as long as it takes.
 */

import type { Topology } from '../core/model.ts';
import { adopt, due, mayBeDue } from '../core/notice.ts';
import { noticeText } from '../core/notice-text.ts';
import type { Clock, Hub, Letter, Log, Mailbox, Post, Postman } from '../ports.ts';
import { type Loop, startLoop } from './loop.ts';
import { createTrouble } from './trouble.ts';

export interface Mailer {
  /** From now on this cluster is told about. */
  follow(uniqsign: string): void;
  /** Something may have happened. */
  wake(): void;
  /** Resolves soon after the signal aborted, whatever the mail server does. Never rejects. */
  readonly done: Promise<void>;
}

export interface MailerOptions {
  readonly hub: Pick<Hub, 'readTopology' | 'events'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly mailbox: Mailbox;
  readonly postman: Postman;
  /** Who signs, for example `mmm-agent db1`. */
  readonly by: string;
  readonly signal: AbortSignal;
}

/** Hints may be lost. */
const LOOK_MS = 5_000;
/** A hint is most often the beginning of a handover: whoever works on it goes first. */
const AFTER_HINT_MS = 300;
const EVENTS = 200;
/** Of one cluster; beyond them the oldest is given up. */
const MOST_WAITING = 20;
/** Between attempts while they fail. */
const PAUSES_MS = [10_000, 60_000, 300_000, 900_000];
/** A letter that is older once the pauses have grown to their longest is given up. */
const OLDEST_MS = 24 * 3_600_000;
const IDLE_MS = 3_600_000;

export function startMailer(options: MailerOptions): Mailer {
  const { hub, clock, log, mailbox, postman, by, signal } = options;
  const followed = new Set<string>();
  const unsaved = new Set<string>();
  const watching = createTrouble(log);
  const saving = createTrouble(log);
  /** Since the latest letter or cluster came. */
  let attempts = 0;
  let complaint = '';

  async function lookAtAll(): Promise<void> {
    await clock.sleep(AFTER_HINT_MS, signal);
    for (const uniqsign of followed) {
      if (signal.aborted) return;
      const t = await hub.readTopology(uniqsign);
      if (t !== null) await look(uniqsign, t);
      else if (unsaved.has(uniqsign)) await save(uniqsign);
    }
    watching.over();
  }

  async function look(uniqsign: string, t: Topology): Promise<void> {
    const post = mailbox.read(uniqsign);
    if (post === null) return keep(uniqsign, { told: adopt(t), waiting: [] });
    if (!mayBeDue(post.told, t)) return unsaved.has(uniqsign) ? save(uniqsign) : undefined;
    const { told, notices } = due(post.told, t, await hub.events(uniqsign, EVENTS));
    if (notices.length === 0 && JSON.stringify(told) === JSON.stringify(post.told)) return;
    const writtenAtEpochMs = clock.epochMs();
    const letters = notices.map((notice) => ({
      ...noticeText(notice, { now: t, by, utc }),
      to: null,
      writtenAtEpochMs,
    }));
    // Something may have been sent while the events were read.
    const waiting = [...(mailbox.read(uniqsign)?.waiting ?? []), ...letters];
    await keep(uniqsign, { told, waiting: bounded(uniqsign, waiting) });
    if (letters.length === 0) return;
    attempts = 0;
    sender.wake();
  }

  function bounded(uniqsign: string, waiting: readonly Letter[]): readonly Letter[] {
    const given = waiting.slice(0, -MOST_WAITING);
    for (const letter of given) lament(uniqsign, letter, 'too many wait for the mail server');
    return waiting.slice(-MOST_WAITING);
  }

  /** A full disk must not keep anybody from being told: it goes on from memory, and is saved when it can be. */
  async function keep(uniqsign: string, post: Post): Promise<void> {
    unsaved.add(uniqsign);
    await save(uniqsign, post);
  }

  async function save(uniqsign: string, post: Post | null = mailbox.read(uniqsign)): Promise<void> {
    if (post === null) return;
    try {
      await mailbox.write(uniqsign, post);
      unsaved.delete(uniqsign);
      saving.over();
    } catch (error) {
      saving.report(error);
    }
  }

  async function sendAll(): Promise<void> {
    attempts += 1;
    const all = [...followed].flatMap((uniqsign) =>
      waitingOf(uniqsign).map((letter) => ({ uniqsign, letter })),
    );
    for (const { uniqsign, letter } of all) {
      if (signal.aborted || (await send(uniqsign, letter)) === 'nothing goes') break;
    }
    if (!signal.aborted && attempts >= PAUSES_MS.length) await giveUpOld();
  }

  /** A mail server that takes a letter and never says so would deliver it again and again. */
  async function giveUpOld(): Promise<void> {
    for (const uniqsign of followed) {
      for (const letter of waitingOf(uniqsign)) {
        if (clock.epochMs() - letter.writtenAtEpochMs < OLDEST_MS) continue;
        const why = complaint === '' ? 'a receiver is still refused for now' : complaint;
        lament(uniqsign, letter, `it could not be sent for 24 hours: ${why}`);
        await settle(uniqsign, letter, []);
      }
    }
  }

  function lament(uniqsign: string, { id, subject, to }: Letter, why: string): void {
    log.error(
      { uniqsign, mail: id, subject, to: to ?? 'everybody', reason: why },
      'gave a mail up: nobody is told of it any more',
    );
  }

  async function send(uniqsign: string, letter: Letter): Promise<'go on' | 'nothing goes'> {
    const delivery = await postman.send(letter, signal);
    if (!delivery.ok && delivery.forGood) {
      lament(uniqsign, letter, delivery.why);
      await settle(uniqsign, letter, []);
      return 'go on';
    }
    if (!delivery.ok) {
      if (!signal.aborted) complain(delivery.why);
      return delivery.isAnswer ? 'go on' : 'nothing goes';
    }
    for (const { to, why } of delivery.refused) {
      log.warn({ uniqsign, mail: letter.id, to, why }, 'the mail server refused a receiver of a mail');
    }
    const later = delivery.refused.filter(({ forNow }) => forNow).map(({ to }) => to);
    await settle(uniqsign, letter, later);
    log.info({ uniqsign, mail: letter.id, subject: letter.subject }, 'sent a mail');
    complaint = '';
    return 'go on';
  }

  /** Takes a letter away, or leaves it for those who have not got it. */
  async function settle(uniqsign: string, { id }: Letter, to: readonly string[]): Promise<void> {
    const post = mailbox.read(uniqsign);
    if (post === null) return;
    const waiting = post.waiting.flatMap((one) =>
      one.id !== id ? [one] : to.length > 0 ? [{ ...one, to }] : [],
    );
    await keep(uniqsign, { ...post, waiting });
  }

  function complain(why: string): void {
    if (why === complaint) return;
    complaint = why;
    log.warn({ reason: why }, 'cannot send mail: it waits and is tried again');
  }

  function waitingOf(uniqsign: string): readonly Letter[] {
    return mailbox.read(uniqsign)?.waiting ?? [];
  }

  function restMs(): number {
    if ([...followed].every((uniqsign) => waitingOf(uniqsign).length === 0)) return IDLE_MS;
    return PAUSES_MS[attempts - 1] ?? Math.max(...PAUSES_MS);
  }

  const watcher: Loop = startLoop({
    clock,
    everyMs: () => LOOK_MS,
    step: lookAtAll,
    onError: watching.report,
    signal,
  });
  const sender: Loop = startLoop({
    clock,
    everyMs: restMs,
    step: sendAll,
    onError: (error) => complain(String(error)),
    signal,
  });
  return {
    follow(uniqsign) {
      if (followed.has(uniqsign)) return;
      followed.add(uniqsign);
      attempts = 0;
      watcher.wake();
      sender.wake();
    },
    wake: () => watcher.wake(),
    done: Promise.all([watcher.done, sender.done]).then(() => undefined),
  };
}

function utc(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

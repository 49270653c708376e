/**
 * What was told by mail and what waits, one JSON file per cluster. Unlike the generation it guards nothing: a file
 * that cannot be understood is named in the log and forgotten, and the cluster counts as never seen.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Address, Uniqsign } from '../core/model.ts';
import type { Log, Mailbox, Post } from '../ports.ts';
import { writeDurably } from './durable-file.ts';

const Saved = z.strictObject({
  v: z.literal(1),
  uniqsign: Uniqsign,
  told: z.strictObject({
    generation: z.int().min(0),
    writer: Address.nullable(),
    halted: z.boolean(),
    diverged: z.array(Address).max(64),
  }),
  waiting: z
    .array(
      z.strictObject({
        id: z.string().max(512),
        subject: z.string().max(512),
        text: z.string().max(65_536),
        to: z.array(z.string().max(512)).nullable(),
        // One that was kept before letters had a date is as if written now.
        writtenAtEpochMs: z
          .int()
          .min(0)
          .default(() => Date.now()),
      }),
    )
    .max(1000),
});

interface Slot {
  post: Post;
  /** Ends when the writes asked for so far are done. */
  queue: Promise<void>;
}

const PREFIX = 'mmm-agent-mail.';

/** Reads everything that is remembered in `dir`, which must be there. */
export async function createMailbox(options: { readonly dir: string; readonly log: Log }): Promise<Mailbox> {
  const { dir, log } = options;
  const slots = new Map<string, Slot>();
  for (const name of await filesIn(dir)) {
    try {
      const { uniqsign, told, waiting } = Saved.parse(JSON.parse(await readFile(join(dir, name), 'utf8')));
      slots.set(uniqsign, { post: { told, waiting }, queue: Promise.resolve() });
    } catch (err) {
      log.warn({ file: join(dir, name), err }, 'cannot read what was told by mail: it is forgotten');
    }
  }
  return {
    read: (uniqsign) => slots.get(uniqsign)?.post ?? null,
    async write(uniqsign, post) {
      const file = join(dir, `${PREFIX}${Uniqsign.parse(uniqsign)}.json`);
      const slot = slots.get(uniqsign) ?? { post, queue: Promise.resolve() };
      slots.set(uniqsign, slot);
      slot.post = post;
      // Whoever asked meanwhile has changed the slot: the latest is what is written.
      const done = slot.queue.then(() =>
        writeDurably(file, `${JSON.stringify({ v: 1, uniqsign, ...slot.post })}\n`),
      );
      slot.queue = done.catch(() => undefined);
      await done;
    },
  };
}

/** When mail is off, nothing is kept to be told once it is on again. */
export async function forgetMail(dir: string): Promise<void> {
  for (const name of await filesIn(dir)) await rm(join(dir, name), { force: true });
}

async function filesIn(dir: string): Promise<readonly string[]> {
  return (await readdir(dir)).filter((name) => name.startsWith(PREFIX) && name.endsWith('.json'));
}

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Log, Post } from '../../../src/ports.ts';
import { createMailbox, forgetMail } from '../../../src/system/mailbox.ts';
import { createMemory } from '../../../src/system/memory.ts';
import { temporaryFolder } from './support.ts';

const sign = '8d9a4b2924dc40baa792d742cb786345';
const told = { generation: 43, writer: 'a:1', halted: false, diverged: ['b:1'] };
const post: Post = {
  told,
  waiting: [{ id: 'x', subject: 's', text: 'für\n', to: null, writtenAtEpochMs: 1 }],
};

test('what was told and what waits is known after a restart, in a file of its own', async () => {
  const dir = await temporaryFolder();
  await (await createMailbox({ dir, log: silent() })).write(sign, post);
  const again = await createMailbox({ dir, log: silent() });
  expect([again.read(sign), again.read('other')]).toEqual([post, null]);
  expect(await readdir(dir)).toEqual([`mmm-agent-mail.${sign}.json`]);
  // The memory of the agent lies beside it, and takes it for nothing of its own.
  expect((await createMemory({ dir, program: 'mmm-agent' })).floor(sign)).toBe(0);
});

test('a mail that was kept before mails had a date is as if written now', async () => {
  const dir = await temporaryFolder();
  const from = Date.now();
  const old = { id: 'x', subject: 's', text: 't', to: null };
  await writeFile(
    join(dir, `mmm-agent-mail.${sign}.json`),
    JSON.stringify({ v: 1, uniqsign: sign, told, waiting: [old] }),
  );
  const [letter] = (await createMailbox({ dir, log: silent() })).read(sign)?.waiting ?? [];
  expect(letter).toMatchObject(old);
  expect(letter?.writtenAtEpochMs).toBeGreaterThanOrEqual(from);
});

test('the latest of several writes is the one that stays', async () => {
  const dir = await temporaryFolder();
  const mailbox = await createMailbox({ dir, log: silent() });
  const writes = [1, 2, 3].map((generation) =>
    mailbox.write(sign, { told: { ...told, generation }, waiting: [] }),
  );
  expect(mailbox.read(sign)?.told.generation).toBe(3);
  await Promise.all(writes);
  expect((await createMailbox({ dir, log: silent() })).read(sign)?.told.generation).toBe(3);
});

test('a file that is damaged is named and forgotten: mail must not keep the agent from its work', async () => {
  const dir = await temporaryFolder();
  await writeFile(join(dir, `mmm-agent-mail.${sign}.json`), '{"v":1,');
  const said: object[] = [];
  const mailbox = await createMailbox({
    dir,
    log: { ...silent(), warn: (fields) => void said.push(fields) },
  });
  expect(mailbox.read(sign)).toBeNull();
  expect(JSON.stringify(said)).toContain(`mmm-agent-mail.${sign}.json`);
});

test('a write that fails is reported, and remembered all the same until the next one works', async () => {
  const dir = await temporaryFolder();
  const mailbox = await createMailbox({ dir, log: silent() });
  const file = join(dir, `mmm-agent-mail.${sign}.json`);
  await mkdir(join(file, 'in the way'), { recursive: true });
  await expect(mailbox.write(sign, post)).rejects.toThrow();
  expect(mailbox.read(sign)).toEqual(post);
  await rm(file, { recursive: true });
  await mailbox.write(sign, post);
  expect((await createMailbox({ dir, log: silent() })).read(sign)).toEqual(post);
});

test('with mail off all of it is forgotten, and nothing else', async () => {
  const dir = await temporaryFolder();
  await (await createMailbox({ dir, log: silent() })).write(sign, post);
  await (await createMemory({ dir, program: 'mmm-agent' })).raise(sign, 1);
  await forgetMail(dir);
  expect(await readdir(dir)).toEqual([`mmm-agent.${sign}.json`]);
});

function silent(): Log {
  const none = (): void => undefined;
  return { debug: none, info: none, warn: none, error: none, child: silent };
}

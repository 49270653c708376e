/**
 * What a program must never forget, one JSON file per program and cluster. A file that cannot be understood is
 * an error: taking it for empty would make the program follow an old generation or open a server twice.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf, errnoWords } from '../core/errno.ts';
import { Address, Topology, Uniqsign } from '../core/model.ts';
import { ConfigError, MmmError } from '../errors.ts';
import type { Memory } from '../ports.ts';
import { writeDurably } from './durable-file.ts';
import { prepareStateDir } from './state-dir.ts';

const count = z.int().min(0);
const Saved = z.strictObject({
  v: z.literal(1),
  uniqsign: Uniqsign,
  floor: count,
  spent: z.record(Address, count),
  /** Only for a start without Redis: one that cannot be read any more is as good as none. */
  kept: Topology.nullable().default(null).catch(null),
});
type Saved = z.infer<typeof Saved>;

interface Record {
  /** What the disk holds. */
  saved: Saved;
  /** Highest generation seen, even when it could not be saved. */
  floor: number;
  /** What the next write takes along; each change of what the disk then holds. */
  waiting: ((saved: Saved) => Saved)[];
  /** The next write, while it has not begun. */
  next: Promise<void> | null;
  /** Ends when the write under way is done. */
  queue: Promise<void>;
}

export interface MemoryOptions {
  readonly dir: string;
  readonly program: string;
}

/** Reads everything that `program` remembers in `dir`. Rejects with ConfigError naming all unusable files. */
export async function createMemory({ dir, program }: MemoryOptions): Promise<Memory> {
  await prepareStateDir(dir);
  const records = await readAll(dir, program);
  const recordOf = (uniqsign: string): Record => {
    const record = records.get(uniqsign) ?? fresh(Uniqsign.parse(uniqsign));
    records.set(uniqsign, record);
    return record;
  };
  const write = async (record: Record): Promise<void> => {
    const next = record.waiting.reduce((saved, change) => change(saved), record.saved);
    record.waiting = [];
    record.next = null;
    if (next === record.saved) return;
    const file = join(dir, `${program}.${next.uniqsign}.json`);
    await writeDurably(file, `${JSON.stringify(next)}\n`).catch((error: unknown) => {
      throw notSaved(file, error);
    });
    record.saved = next;
  };
  /** Clients may wait for the disk: whatever is asked for while it is busy shares one write. */
  const save = (record: Record, change: (saved: Saved) => Saved): Promise<void> => {
    record.waiting.push(change);
    if (record.next === null) {
      const done = record.queue.then(() => write(record));
      record.next = done;
      record.queue = done.catch(() => undefined);
    }
    return record.next;
  };
  return {
    floor: (uniqsign) => records.get(uniqsign)?.floor ?? 0,
    spent: (uniqsign, address) => records.get(uniqsign)?.saved.spent[address] ?? 0,
    async raise(uniqsign, generation) {
      const record = recordOf(uniqsign);
      record.floor = Math.max(record.floor, count.parse(generation));
      await save(record, (saved) => (saved.floor >= generation ? saved : { ...saved, floor: generation }));
    },
    async spend(uniqsign, address, generation) {
      const spent = { [Address.parse(address)]: count.parse(generation) };
      await save(recordOf(uniqsign), (saved) =>
        (saved.spent[address] ?? 0) >= generation ? saved : { ...saved, spent: { ...saved.spent, ...spent } },
      );
    },
    kept: (uniqsign) => records.get(uniqsign)?.saved.kept ?? null,
    async keep(topology) {
      await save(recordOf(topology.uniqsign), (saved) =>
        isNewer(topology, saved.kept) ? { ...saved, kept: topology } : saved,
      );
    },
    clusters: () => [...records.keys()],
  };
}

function fresh(uniqsign: string): Record {
  const saved = { v: 1, uniqsign, floor: 0, spent: {}, kept: null } as const;
  return { saved, floor: 0, waiting: [], next: null, queue: Promise.resolve() };
}

function isNewer(topology: Topology, kept: Topology | null): boolean {
  if (kept === null || topology.generation !== kept.generation)
    return topology.generation > (kept?.generation ?? 0);
  return topology.step > kept.step;
}

async function readAll(dir: string, program: string): Promise<Map<string, Record>> {
  const records = new Map<string, Record>();
  const mistakes: string[] = [];
  for (const name of await readdir(dir)) {
    if (!name.startsWith(`${program}.`) || !name.endsWith('.json')) continue;
    const uniqsign = name.slice(program.length + 1, -'.json'.length);
    const saved = await readOne(join(dir, name), uniqsign);
    if (typeof saved === 'string') mistakes.push(saved);
    else records.set(uniqsign, { ...fresh(uniqsign), saved, floor: saved.floor });
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return records;
}

/** What the file holds, or why it cannot be used and what to do. */
async function readOne(file: string, uniqsign: string): Promise<Saved | string> {
  try {
    const saved = Saved.parse(JSON.parse(await readFile(file, 'utf8')));
    if (saved.uniqsign === uniqsign) return saved;
    return damaged(file, `it is about ${saved.uniqsign}`);
  } catch (error) {
    // Nothing is known of its content, so nobody should throw it away.
    if (errnoOf(error) !== '')
      return `${file} cannot be read: ${errnoWords(error)}; ${unreadableAdvice(error)}`;
    return damaged(file, error instanceof z.ZodError ? z.prettifyError(error) : String(error));
  }
}

function unreadableAdvice(error: unknown): string {
  const isRefused = ['EACCES', 'EPERM'].includes(errnoOf(error));
  return isRefused
    ? 'give the folder and all in it to the user of this program (chown -R)'
    : 'mend that and start again';
}

function notSaved(file: string, error: unknown): MmmError {
  const what = `${file} cannot be written, so the generation is not remembered: ${errnoWords(error)}`;
  return new MmmError('STATE', `${what}; mend that, it is tried again`, { cause: error });
}

function damaged(file: string, why: string): string {
  return (
    `${file}: the remembered generation cannot be read (${why.replace(/\s+/g, ' ')}); restore the file from a copy, ` +
    'or, when mmm-status shows one writer and the generation you expect, remove it and start again'
  );
}

/** Watches the ancestor's keys all the time, beside the topology and the servers they speak of. */
import { pause } from './eventually.ts';
import { readMessage } from './legacy-reader.ts';
import type { Stack } from './stack.ts';
import { listenToTopic } from './topic-ear.ts';

export interface LegacyWatch extends AsyncDisposable {
  /** What was wrong at some instant; empty when the keys told the truth all the time. */
  readonly complaints: readonly string[];
  /** Writers in the order in which the keys named them, the first one included. */
  readonly writers: readonly string[];
  /** Writers in the order of the messages. */
  announced(): readonly string[];
  samples(): number;
  stop(): Promise<void>;
}

interface Sample {
  readonly mode: Readonly<Record<string, string>>;
  readonly master: Readonly<Record<string, string>>;
  readonly topology: { readonly phase: string; readonly writer: string | null; readonly generation: number };
  /** Changes with every commit. */
  readonly text: string;
}

/** Starts at once; the cluster must be stable. */
export async function watchLegacy(stack: Stack): Promise<LegacyWatch> {
  const ear = await listenToTopic(stack.redis);
  const complaints: string[] = [];
  const writers: string[] = [];
  let samples = 0;
  let stopped = false;

  async function look(): Promise<void> {
    const seen = await sample(stack);
    const { mode, master, topology } = seen;
    samples += 1;
    const pair = JSON.stringify([mode, master]);
    if (mode.active !== master.host || mode.passive !== master.passive || mode.active === mode.passive) {
      complaints.push(`mode and master contradict each other: ${pair}`);
    }
    const writer = master.host ?? '';
    if (topology.phase === 'stable') {
      if (topology.writer !== writer || String(topology.generation) !== master.generation) {
        complaints.push(`stable, but the keys say otherwise: ${pair}, ${seen.text}`);
      }
    } else if (writer !== writers.at(-1)) {
      complaints.push(`changed during a handover: ${pair}, ${seen.text}`);
    }
    const isNew = writer !== writers.at(-1);
    if (isNew) writers.push(writer);
    if (topology.phase === 'stable' || isNew) await ask(writer, seen.text, isNew);
  }

  /** A writer that is named is open, or dead; one that is newly named is open. */
  async function ask(writer: string, text: string, isNew: boolean): Promise<void> {
    const closed = await isClosed(stack, writer);
    const after = isNew ? null : await sample(stack);
    const isDead = closed === null;
    if (closed === true && (isNew || after?.text === text)) complaints.push(`${writer} is named, but closed`);
    if (isDead && isNew) complaints.push(`${writer} is newly named, but does not answer`);
    const other = stack.other(stack.serverOf(writer)).address;
    if (isNew && (await isClosed(stack, other)) === false) {
      complaints.push(`${writer} is newly named while ${other} is open`);
    }
  }

  const done = (async () => {
    while (!stopped) {
      await look().catch((error: unknown) => complaints.push(String(error)));
      await pause(2);
    }
  })();
  const stop = async () => {
    stopped = true;
    await done;
    await ear[Symbol.asyncDispose]();
  };
  const announced = () =>
    ear.messages.map((message) => {
      const { active, passive, uniqsign } = readMessage(message);
      if (passive === active || uniqsign !== stack.uniqsign) throw new Error(`wrong message: ${message}`);
      return active;
    });
  return { complaints, writers, announced, samples: () => samples, stop, [Symbol.asyncDispose]: stop };
}

async function sample({ redis: { client }, uniqsign }: Stack): Promise<Sample> {
  const key = (name: string) => `mysql-${uniqsign}-${name}`;
  const answers = await client
    .multi()
    .hgetall(key('mode'))
    .hgetall(key('master'))
    .get(key('topology'))
    .exec();
  const [mode, master, text] = (answers ?? []).map(([, value]) => value);
  return {
    mode: mode as Sample['mode'],
    master: master as Sample['master'],
    topology: JSON.parse(String(text)) as Sample['topology'],
    text: String(text),
  };
}

/** null: it does not answer. */
async function isClosed(stack: Stack, address: string): Promise<boolean | null> {
  try {
    const [row] = await stack.serverOf(address).admin('SELECT @@read_only AS closed');
    return row?.closed === 1;
  } catch {
    return null;
  }
}

import { CommandError, RenderError } from '../errors.ts';
import { readText, stage } from './write.ts';

/** Runs a command without a shell; rejects with CommandError. */
export type Run = (words: readonly string[]) => Promise<unknown>;

export interface Output {
  readonly dest: string;
  readonly mode: number;
  readonly checkCmd: readonly string[] | null;
  /** Value of `{{tag}}` in commands. */
  readonly tag: string;
}

/**
 * Brings `dest` to `text`: stage, check, persist. The same bytes are nothing. A failed check leaves the
 * file as it is (CommandError). `stillWanted` is asked last: false means that newer news came meanwhile.
 */
export async function applyText(
  output: Output,
  text: string,
  run: Run,
  stillWanted: () => boolean,
): Promise<'same' | 'written' | 'given up'> {
  if ((await readText(output.dest)) === text) return 'same';
  const staged = await stage(output.dest, text, output.mode);
  try {
    if (output.checkCmd !== null) {
      await run(wordsOf(output.checkCmd, { ...output, stage: staged.path }));
    }
    if (!stillWanted()) {
      await staged.discard();
      return 'given up';
    }
    await staged.persist();
    return 'written';
  } catch (error) {
    await staged.discard().catch(() => undefined);
    if (error instanceof CommandError || error instanceof RenderError) throw error;
    throw new RenderError(`${output.dest} was not written: ${String(error)}`, { cause: error });
  }
}

/** Fills `{{stage}}`, `{{dest}}` and `{{tag}}` inside the words of a command. */
export function wordsOf(
  words: readonly string[],
  values: { readonly dest: string; readonly tag: string; readonly stage?: string },
): string[] {
  const named: Readonly<Record<string, string | undefined>> = {
    stage: values.stage ?? values.dest,
    dest: values.dest,
    tag: values.tag,
  };
  return words.map((word) => word.replace(/\{\{(stage|dest|tag)\}\}/g, (all, name) => named[name] ?? all));
}

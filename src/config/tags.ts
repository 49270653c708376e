import type { Source } from './source.ts';

/** The tags asked for; all of them when none is. A tag that is not in the file is a mistake. */
export function chooseTags(
  source: Source,
  known: readonly string[],
  asked: readonly string[] = [],
): readonly string[] {
  for (const tag of asked.filter((one) => !known.includes(one))) {
    source.findings.mistake(
      null,
      `has no cluster ${tag}, which --tag asks for; it has ${known.join(', ') || 'none'}`,
    );
  }
  return asked.length === 0 ? known : known.filter((tag) => asked.includes(tag));
}

import { ConfigError } from '../errors.ts';

/** What is wrong with a file, and what is only odd. Everything is collected so that one run shows all of it. */
export interface Findings {
  /** `line` is null when the finding is about the file as a whole. */
  mistake(line: number | null, sentence: string): void;
  warn(line: number | null, sentence: string): void;
  /** `file:line: sentence`, by line. */
  warnings(): readonly string[];
  /** Throws ConfigError with every mistake, by line, when there is one. */
  refuse(): void;
}

interface Finding {
  readonly line: number | null;
  readonly sentence: string;
}

export function createFindings(file: string): Findings {
  const mistakes: Finding[] = [];
  const warnings: Finding[] = [];
  return {
    mistake: (line, sentence) => void mistakes.push({ line, sentence }),
    warn: (line, sentence) => void warnings.push({ line, sentence }),
    warnings: () => show(file, warnings),
    refuse() {
      if (mistakes.length > 0) throw new ConfigError(show(file, mistakes));
    },
  };
}

function show(file: string, findings: readonly Finding[]): readonly string[] {
  return findings
    .toSorted((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER))
    .map(({ line, sentence }) => (line === null ? `${file}: ${sentence}` : `${file}:${line}: ${sentence}`));
}

import { UsageError } from '../errors.ts';

const FACTORS = { ms: 1, s: 1000, m: 60_000 } as const;
const DAY_MS = 86_400_000;

/** Milliseconds of `500ms`, `3s`, `2m` or a number of seconds, as in the configuration files. */
export function durationMs(option: string, text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m)?$/.exec(text.trim()) ?? [];
  const ms = number === '' ? 0 : Math.round(Number(number) * (FACTORS[unit as keyof typeof FACTORS] ?? 1000));
  if (ms < 1 || ms > DAY_MS)
    throw new UsageError(`${option} must be a duration such as 500ms, 30s or 2m, at most a day`);
  return ms;
}

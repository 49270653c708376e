import { RenderError } from '../errors.ts';

/**
 * The helpers a template may use; nothing else is known to it.
 *
 * - `eq a b`, `ne a b`, `not a`, `and a b ..`, `or a b ..`: for `if`; true is any non-empty text.
 * - `default a b`: `a`, or `b` when `a` is empty. `required a "what"`: `a`, or no rendering when it is empty.
 * - `upper a`, `lower a`; `list a`: a comma separated text as a list for `each`; `json a`: a quoted JSON string.
 * - `bracket host`: an IPv6 host in brackets. `indent text`: every line indented by four blanks.
 */
export const helpers: Readonly<Record<string, (...words: unknown[]) => unknown>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  not: (a) => !a,
  and: (...words) => words.slice(0, -1).every(Boolean),
  or: (...words) => words.slice(0, -1).some(Boolean),
  default: (a, b) => text(a) || text(b),
  required,
  upper: (a) => text(a).toUpperCase(),
  lower: (a) => text(a).toLowerCase(),
  list,
  json: (a) => JSON.stringify(text(a)),
  bracket: (a) => (text(a).includes(':') ? `[${text(a)}]` : text(a)),
  indent: (a) => text(a).trimEnd().split('\n').map(indented).join('\n'),
};

function required(value: unknown, what: unknown): string {
  if (text(value) !== '') return text(value);
  throw new RenderError(`the template needs ${text(what) || 'a value'}, but it is empty or not configured`);
}

function list(value: unknown): string[] {
  const words = text(value).split(',');
  return words.map((word) => word.trim()).filter((word) => word !== '');
}

function indented(line: string): string {
  return line.trim() === '' ? '' : `    ${line.trim()}`;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

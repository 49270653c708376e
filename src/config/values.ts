/** What the value of a key may be: each function makes the reader of one kind of value. */
import { isAddress } from '../core/address.ts';
import { splitCommand } from './command.ts';
import { plainText } from './ini.ts';

/** `text` is the value as a template may see it. `why` is a whole sentence that names the key. */
export type Parsed<V> =
  | { readonly ok: true; readonly value: V; readonly text: string }
  | { readonly ok: false; readonly why: string };

/** One key of a section. An empty value counts as absent. */
export interface Key<V> {
  /** Its value when absent; null: the key must be there. */
  readonly fallback: { readonly value: V } | null;
  /** A secret has a `_file` twin and is never shown. */
  readonly secret: boolean;
  parse(raw: string, name: string): Parsed<V | null>;
}

type Read<V> = { readonly ok: true; readonly value: V } | { readonly ok: false; readonly why: string };

const DAY_MS = 86_400_000;
const QUOTE_AT_AN_END = /^['"]|['"]$/;

export function required<V>(key: Key<V | null>): Key<V> {
  return { ...key, fallback: null } as Key<V>;
}

/** Any text; `grammar` with its description narrows it. */
export function text<F extends string | null>(
  fallback: F,
  grammar: RegExp = /^/,
  description = '',
): Key<string | F> {
  return plain<string | F>(fallback, (value, name) =>
    grammar.test(value) ? accept(value) : refuse(`${name} must be ${description}, not ${show(value)}`),
  );
}

/** A password: free text, null when absent or empty. Also read from the file that `<name>_file` names. */
export function secret(): Key<string | null> {
  return { ...text(null), secret: true };
}

/** `500ms`, `3s`, `2m`; a bare number is seconds. Milliseconds. */
export function duration(fallbackMs: number, minMs: number): Key<number>;
export function duration(fallbackMs: null, minMs: number): Key<number | null>;
export function duration(fallbackMs: number | null, minMs: number): Key<number | null> {
  return plain<number | null>(fallbackMs, (value, name) => {
    const parts = /^(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m)?$/.exec(value);
    if (parts === null)
      return refuse(`${name} must be a duration such as 500ms, 3s or 2m, not ${show(value)}`);
    const factor = { ms: 1, s: 1000, m: 60_000 }[parts[2] ?? 's'] ?? 1000;
    const ms = Math.round(Number(parts[1]) * factor);
    if (ms < minMs || ms > DAY_MS) {
      return refuse(`${name} must be from ${minMs}ms to one day, not ${show(value)}`);
    }
    return accept(ms);
  });
}

export function integer<F extends number | null>(fallback: F, min: number, max: number): Key<number | F> {
  return plain<number | F>(fallback, (value, name) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max
      ? accept(number)
      : refuse(`${name} must be a whole number from ${min} to ${max}, not ${show(value)}`);
  });
}

/** One of `values`, the first by default. `later` are valid by design but not built yet. */
export function choice<const V extends string>(
  values: readonly [V, ...V[]],
  later: readonly string[] = [],
): Key<V> {
  return plain<V>(values[0], (value, name) => {
    const known = values.find((one) => one === value);
    if (known !== undefined) return accept(known);
    if (later.includes(value)) return refuse(`${name}=${value} is not supported yet`);
    return refuse(`${name} must be ${values.join(' or ')}, not ${show(value)}`);
  });
}

export function address(): Key<string | null> {
  return plain<string | null>(null, (value, name) =>
    isAddress(value) ? accept(value) : refuse(`${name} must be host:port, not ${show(value)}`),
  );
}

/** An address to listen on: `*` stands for every interface. */
export function bindAddress(): Key<string | null> {
  return plain<string | null>(null, (value, name) =>
    isAddress(value.replace(/^\*:/, '0.0.0.0:'))
      ? accept(value)
      : refuse(`${name} must be host:port or *:port, not ${show(value)}`),
  );
}

/** Names between commas, as forgiving as the ancestor: empty and repeated ones do not matter. */
export function names(): Key<readonly string[]> {
  return plain<readonly string[]>([], (value, name) => {
    const items = [...new Set(value.split(',').map((item) => item.trim()))].filter((item) => item !== '');
    const wrong = items.find((item) => QUOTE_AT_AN_END.test(item));
    return wrong === undefined
      ? accept(items)
      : refuse(`${name} must be names between commas, without quotes: ${show(wrong)}`);
  });
}

/** Values between commas, each at most once. Empty when absent. */
export function list(
  accepts: (item: string) => boolean = () => true,
  description = 'names between commas',
): Key<readonly string[]> {
  return plain<readonly string[]>([], (value, name) => {
    const items = value.split(',').map((item) => item.trim());
    const wrong = items.find((item) => item === '' || QUOTE_AT_AN_END.test(item) || !accepts(item));
    if (wrong !== undefined) return refuse(`${name} must be ${description}: ${show(wrong)} is not`);
    const twice = items.find((item, i) => items.indexOf(item) !== i);
    return twice === undefined ? accept(items) : refuse(`${name} names ${twice} twice`);
  });
}

export function addresses(): Key<readonly string[]> {
  return list(isAddress, 'host:port addresses between commas');
}

/** A file or folder, from the root. */
export function path(): Key<string | null> {
  return text(null, /^\//, 'a path that begins with /');
}

/** File permissions in octal. */
export function fileMode(fallback: number): Key<number> {
  return plain<number>(fallback, (value, name) =>
    /^0?[0-7]{3}$/.test(value)
      ? accept(Number.parseInt(value, 8))
      : refuse(`${name} must be octal permissions such as 0644, not ${show(value)}`),
  );
}

/** What a sidecar's commands may name. */
const OUTPUT_PLACEHOLDERS = ['stage', 'dest', 'tag'];

/** A command, split into words; placeholders such as `{{stage}}` stay as they are. */
export function command(
  placeholders: readonly string[] = OUTPUT_PLACEHOLDERS,
): Key<readonly string[] | null> {
  const known = new RegExp(`\\{\\{(?!(?:${placeholders.join('|')})\\}\\})[^}]*\\}?\\}?`);
  const shown = placeholders.map((name) => `{{${name}}}`);
  const replaced = `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
  return {
    fallback: { value: null },
    secret: false,
    parse(raw, name) {
      const read = splitCommand(raw);
      if (!read.ok) return refuse(`${name} ${read.why}`);
      const foreign = known.exec(read.text)?.[0];
      if (foreign !== undefined)
        return refuse(`${name} holds ${show(foreign)}: only ${replaced} are replaced`);
      return { ok: true, value: read.words.length === 0 ? null : read.words, text: read.text };
    },
  };
}

function plain<V>(fallback: V, read: (value: string, name: string) => Read<V>): Key<V> {
  return {
    fallback: { value: fallback },
    secret: false,
    parse(raw, name) {
      const value = plainText(raw);
      if (!value.ok) return refuse(`${name} ${value.why}`);
      if (value.text === '') return { ok: true, value: null, text: '' };
      const outcome = read(value.text, name);
      return outcome.ok ? { ...outcome, text: value.text } : outcome;
    },
  };
}

function accept<V>(value: V): { readonly ok: true; readonly value: V } {
  return { ok: true, value };
}

function refuse(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}

function show(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}

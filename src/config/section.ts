import { resolve } from 'node:path';
import type { Entry, Section } from './ini.ts';
import { plainText } from './ini.ts';
import { nearest } from './nearest.ts';
import { NOT_YET } from './not-yet.ts';
import type { Source } from './source.ts';
import type { Key } from './values.ts';

/** The keys a section may hold. */
export type Table = Readonly<Record<string, Key<unknown>>>;

export type Values<T extends Table> = { readonly [K in keyof T]: T[K] extends Key<infer V> ? V : never };

/** What a section says. A mistaken key is absent from `sound`; `values` is null when any key is mistaken. */
export interface Reading<T extends Table> {
  readonly values: Values<T> | null;
  readonly sound: Partial<Values<T>>;
  line(key: keyof T & string): number | null;
}

/**
 * Reads a section by its table. Unknown keys are warnings, keys that are not built yet are mistakes;
 * `claims` says which other keys are somebody else's business.
 */
export function readSection<T extends Table>(
  source: Source,
  name: string,
  table: T,
  claims: (key: string) => boolean = () => false,
): Reading<T> {
  const section = source.ini.get(name);
  const sound: Record<string, unknown> = {};
  let whole = true;
  for (const [key, kind] of Object.entries(table)) {
    const read = kind.secret ? readSecret(source, section, key) : readKey(source, section, name, key, kind);
    if (read === null) whole = false;
    else sound[key] = read.value;
  }
  complainOfOthers(source, section, table, claims);
  return {
    values: whole ? (sound as Values<T>) : null,
    sound: sound as Partial<Values<T>>,
    line: (key) => section?.entries.get(key)?.line ?? section?.line ?? null,
  };
}

/** Every name a table accepts, twins of secrets included. */
export function namesOf(table: Table): readonly string[] {
  return Object.entries(table).flatMap(([key, kind]) => (kind.secret ? [key, `${key}_file`] : [key]));
}

/** Warns about sections nobody reads. */
export function complainOfSections(
  source: Source,
  known: readonly string[],
  reads: (name: string) => boolean,
): void {
  for (const { name, line } of source.ini.values()) {
    if (known.includes(name) || reads(name)) continue;
    source.findings.warn(line, `unknown section [${name}] is ignored${hint(name, known)}`);
  }
}

type Found = { readonly value: unknown } | null;

function readKey(
  source: Source,
  section: Section | undefined,
  name: string,
  key: string,
  kind: Key<unknown>,
): Found {
  const entry = section?.entries.get(key);
  const parsed = entry === undefined ? null : kind.parse(entry.raw, key);
  if (entry !== undefined && parsed?.ok === false) {
    source.findings.mistake(entry.line, parsed.why);
    return null;
  }
  if (parsed?.ok === true && parsed.text !== '') return { value: parsed.value };
  if (kind.fallback === null)
    source.findings.mistake(entry?.line ?? section?.line ?? null, `[${name}] needs ${key}`);
  return kind.fallback;
}

function readSecret(source: Source, section: Section | undefined, key: string): Found {
  const inline = textOf(source, section?.entries.get(key), key);
  const twin = section?.entries.get(`${key}_file`);
  const file = textOf(source, twin, `${key}_file`);
  if (inline === null || file === null) return null;
  if (file === '' || twin === undefined) return { value: inline === '' ? null : inline };
  if (inline !== '') {
    source.findings.mistake(twin.line, `${key} and ${key}_file are both given: keep one`);
    return null;
  }
  const secret = source.secretFiles.get(resolve(source.folder, file));
  if (secret?.ok === true) return { value: secret.text };
  source.findings.mistake(
    twin.line,
    `${key}_file ${file} cannot be read: ${secret?.why ?? 'it was not opened'}`,
  );
  return null;
}

function textOf(source: Source, entry: Entry | undefined, key: string): string | null {
  if (entry === undefined) return '';
  const read = plainText(entry.raw);
  if (read.ok) return read.text;
  source.findings.mistake(entry.line, `${key} ${read.why}`);
  return null;
}

function complainOfOthers(
  source: Source,
  section: Section | undefined,
  table: Table,
  claims: (key: string) => boolean,
): void {
  const known = namesOf(table);
  for (const { key, line } of section?.entries.values() ?? []) {
    if (known.includes(key) || claims(key)) continue;
    if (NOT_YET.has(key)) source.findings.mistake(line, `${key} is not supported yet`);
    else source.findings.warn(line, `unknown key ${key} in [${section?.name}] is ignored${hint(key, known)}`);
  }
}

function hint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === null ? '' : `; did you mean ${meant}?`;
}

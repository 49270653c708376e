/**
 * INI files as people write them. Every value stays a string and every key keeps its line.
 *
 * - ` #` or ` ;` after white space starts a comment, also behind a section header; inside a word both are literal.
 * - A duplicate key or section is a mistake: whichever is meant, the other would be lost silently. Its keys are
 *   read all the same, so that their mistakes are reported in the same go.
 * - `ini` finds sections, keys and values; it sees every line shielded, as by itself it keeps none of these rules.
 * - What a value means (quotes, commands) is for its reader: `raw` holds everything behind the `=`.
 */
import { parse } from 'ini';
import type { Findings } from './findings.ts';

export interface Entry {
  readonly key: string;
  readonly line: number;
  /** Everything behind `=`, quotes and comment included. */
  readonly raw: string;
}

export interface Section {
  readonly name: string;
  readonly line: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

export type Ini = ReadonlyMap<string, Section>;

interface OpenSection extends Section {
  readonly entries: Map<string, Entry>;
}

/** What `ini` makes of shielded lines: keys and sections in the order of the file; `true` is a line without `=`. */
type Parsed = Readonly<Record<string, ParsedValue | Readonly<Record<string, ParsedValue>>>>;
type ParsedValue = string | true;

const CONTROL_BUT_TAB = /[^\P{Cc}\t]/u;
const KEY = /^[A-Za-z0-9_.-]+$/;

/** Reads the sections of a file; mistakes go to `findings`. */
export function parseIni(text: string, findings: Findings): Ini {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const parsed: Parsed = parse(lines.map((line, index) => shieldLine(line, index + 1, findings)).join('\n'));
  const sections = new Map<string, Section>();
  for (const [label, content] of Object.entries(parsed)) {
    if (typeof content === 'object') addSection(label, content, sections, findings);
    else addEntry(label, content, null, findings);
  }
  return sections;
}

/** The line as `ini` may see it; empty when there is nothing in it to read. */
function shieldLine(text: string, line: number, findings: Findings): string {
  const content = text.trim();
  if (content === '' || content.startsWith('#') || content.startsWith(';')) return '';
  if (CONTROL_BUT_TAB.test(content)) {
    findings.mistake(line, 'there is a control character in this line');
    return '';
  }
  return content.startsWith('[') ? shieldHeader(content, line, findings) : shield(text, line);
}

/** `ini` takes a header with anything behind it for a key, so the comment goes first. */
function shieldHeader(content: string, line: number, findings: Findings): string {
  const parts = /^\[([^\]]*)\](.*)$/.exec(content);
  const name = parts?.[1]?.trim().replace(/\s+/g, ' ') ?? '';
  if (parts === null || name === '') findings.mistake(line, 'a section header is [name]');
  else if (!endsHere(parts[2] ?? '')) {
    findings.mistake(line, `nothing may follow [${name}] but white space and a comment`);
  }
  return `[${shield(name, line)}]`;
}

/**
 * `ini` would cut at `#`, unquote, nest at dots, turn `true` and `null` into other types, drop `__proto__` and let
 * the last duplicate win. It sees code units instead of characters, all but `=`, and the line in front of each name.
 */
function shield(text: string, line: number): string {
  return `${line}:${text.replace(/[^=]/g, (unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))}`;
}

function unshield(shielded: string): string {
  return shielded.replace(/[0-9a-f]{4}/g, (unit) => String.fromCharCode(Number.parseInt(unit, 16)));
}

function unlabel(label: string): { readonly line: number; readonly name: string } {
  const colon = label.indexOf(':');
  return { line: Number(label.slice(0, colon)), name: unshield(label.slice(colon + 1)) };
}

function addSection(
  label: string,
  content: Readonly<Record<string, ParsedValue>>,
  sections: Map<string, Section>,
  findings: Findings,
): void {
  const { line, name } = unlabel(label);
  const section: OpenSection = { name, line, entries: new Map() };
  for (const [key, value] of Object.entries(content)) addEntry(key, value, section, findings);
  const first = sections.get(name);
  // Without a name its keys are nobody's: taken for another section's they would only make more mistakes.
  if (first === undefined && name !== '') sections.set(name, section);
  if (first === undefined) return;
  findings.mistake(line, `section [${name}] is already in line ${first.line}: merge the two`);
  sections.set(name, { ...first, entries: new Map([...section.entries, ...first.entries]) });
}

function addEntry(label: string, value: ParsedValue, section: OpenSection | null, findings: Findings): void {
  const { line, name } = unlabel(label);
  const key = name.trim();
  const first = section?.entries.get(key);
  if (value === true) findings.mistake(line, 'this is no section header, no comment and no key=value');
  else if (!KEY.test(key)) findings.mistake(line, 'a key holds letters, digits, "_", "." and "-" only');
  else if (section === null) findings.mistake(line, `${key} stands before the first section header`);
  else if (first !== undefined) {
    findings.mistake(line, `${key} is already in line ${first.line} of [${section.name}]: keep one`);
  } else section.entries.set(key, { key, line, raw: unshield(value) });
}

/** The words of a value, or why it has none. */
export type Text =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };

/** A value without its comment and without one pair of surrounding quotes. */
export function plainText(raw: string): Text {
  const start = raw.trimStart();
  const quote = start[0];
  if (quote === "'" || quote === '"') return quoted(start, quote);
  const comment = /\s[#;]/.exec(raw)?.index ?? raw.length;
  const text = raw.slice(0, comment).trim();
  if (text.endsWith("'") || text.endsWith('"')) return leftOver(text.endsWith('"') ? '"' : "'");
  return readable(text);
}

function quoted(start: string, quote: string): Text {
  for (let end = start.indexOf(quote, 1); end > 0; end = start.indexOf(quote, end + 1)) {
    if (endsHere(start.slice(end + 1))) return readable(start.slice(1, end));
  }
  return leftOver(quote);
}

/** What a decoder puts where bytes are no UTF-8 would be a wrong password, and nobody would see why. */
export function readable(text: string): Text {
  if (!text.includes('\uFFFD')) return { ok: true, text };
  return { ok: false, why: 'has a character that is not UTF-8: save the file as UTF-8' };
}

function leftOver(quote: string): Text {
  return {
    ok: false,
    why: `has a ${quote} without its partner: remove it, or put the whole value between ${quote === '"' ? "' and '" : '" and "'}`,
  };
}

function endsHere(rest: string): boolean {
  return rest.trim() === '' || /^\s+[#;]/.test(rest);
}

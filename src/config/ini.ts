/**
 * INI files as people write them. Every value stays a string and every key keeps its line.
 *
 * - ` #` or ` ;` after white space starts a comment, also behind a section header; inside a word both are literal.
 * - A duplicate key or section is a mistake: whichever is meant, the other would be lost silently.
 * - What a value means (quotes, commands) is for its reader: `raw` holds everything behind the `=`.
 */
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

const CONTROL_BUT_TAB = /[^\P{Cc}\t]/u;
const KEY = /^[A-Za-z0-9_.-]+$/;

/** Reads the sections of a file; mistakes go to `findings`. */
export function parseIni(text: string, findings: Findings): Ini {
  const sections = new Map<string, OpenSection>();
  let current: OpenSection | null = null;
  let line = 0;
  for (const rawLine of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    line += 1;
    const content = rawLine.trim();
    if (content === '' || content.startsWith('#') || content.startsWith(';')) continue;
    if (CONTROL_BUT_TAB.test(content)) findings.mistake(line, 'there is a control character in this line');
    else if (content.startsWith('[')) current = openSection(content, line, sections, findings) ?? current;
    else addEntry(rawLine, line, current, findings);
  }
  return sections;
}

function openSection(
  content: string,
  line: number,
  sections: Map<string, OpenSection>,
  findings: Findings,
): OpenSection | null {
  const parts = /^\[([^\]]*)\](.*)$/.exec(content);
  const name = parts?.[1]?.trim().replace(/\s+/g, ' ') ?? '';
  if (parts === null || name === '') {
    findings.mistake(line, 'a section header is [name]');
    return null;
  }
  if (!endsHere(parts[2] ?? '')) findings.mistake(line, `nothing but a comment may follow [${name}]`);
  const section: OpenSection = { name, line, entries: new Map() };
  const first = sections.get(name);
  if (first === undefined) sections.set(name, section);
  else findings.mistake(line, `section [${name}] is already in line ${first.line}: merge the two`);
  return section;
}

function addEntry(text: string, line: number, section: OpenSection | null, findings: Findings): void {
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(equals, 0)).trim();
  const first = section?.entries.get(key);
  if (equals < 0) findings.mistake(line, 'this is no section header, no comment and no key=value');
  else if (!KEY.test(key)) findings.mistake(line, 'a key holds letters, digits, "_", "." and "-" only');
  else if (section === null) findings.mistake(line, `${key} stands before the first section header`);
  else if (first !== undefined) {
    findings.mistake(line, `${key} is already in line ${first.line} of [${section.name}]: keep one`);
  } else section.entries.set(key, { key, line, raw: text.slice(equals + 1) });
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
  return { ok: true, text };
}

function quoted(start: string, quote: string): Text {
  for (let end = start.indexOf(quote, 1); end > 0; end = start.indexOf(quote, end + 1)) {
    if (endsHere(start.slice(end + 1))) return { ok: true, text: start.slice(1, end) };
  }
  return leftOver(quote);
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

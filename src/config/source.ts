import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createFindings, type Findings } from './findings.ts';
import { type Entry, type Ini, parseIni, plainText } from './ini.ts';

/** A configuration file with everything it takes to read its keys. */
export interface Source {
  readonly file: string;
  /** Where relative names in the file start. */
  readonly folder: string;
  readonly ini: Ini;
  readonly findings: Findings;
  /** What the `*password_file` keys name, by absolute path. */
  readonly secretFiles: ReadonlyMap<string, SecretFile>;
}

export type SecretFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };

const OTHERS_MAY_READ = 0o044;

/** Opens a configuration file; rejects with ConfigError when it cannot be read at all. */
export async function openSource(file: string): Promise<Source> {
  const findings = createFindings(file);
  const folder = dirname(resolve(file));
  const text = await readText(file);
  if (!text.ok) findings.mistake(null, `cannot be read: ${text.why}; --conf names the file`);
  findings.refuse();
  const ini = parseIni(text.ok ? text.text : '', findings);
  const entries = [...ini.values()].flatMap((section) => [...section.entries.values()]);
  await warnIfOthersCanRead(file, entries, findings);
  return { file, folder, ini, findings, secretFiles: await readSecretFiles(folder, entries, findings) };
}

async function warnIfOthersCanRead(
  file: string,
  entries: readonly Entry[],
  findings: Findings,
): Promise<void> {
  if (!entries.some(({ key, raw }) => key.endsWith('password') && visible(raw) !== '')) return;
  if (await othersCanRead(file))
    findings.warn(null, `holds passwords and others can read it: chmod 600 ${file}`);
}

async function readSecretFiles(
  folder: string,
  entries: readonly Entry[],
  findings: Findings,
): Promise<ReadonlyMap<string, SecretFile>> {
  const found = new Map<string, SecretFile>();
  for (const { key, raw, line } of entries) {
    const name = key.endsWith('password_file') ? visible(raw) : '';
    if (name === '') continue;
    const path = resolve(folder, name);
    found.set(path, await readSecret(path));
    if (await othersCanRead(path)) findings.warn(line, `others can read ${name}: chmod 600 ${path}`);
  }
  return found;
}

async function readSecret(path: string): Promise<SecretFile> {
  const read = await readText(path);
  if (!read.ok) return read;
  const text = read.text.replace(/\r?\n$/, '');
  if (text === '') return { ok: false, why: 'it is empty' };
  return /[\r\n]/.test(text) ? { ok: false, why: 'it holds more than one line' } : { ok: true, text };
}

async function readText(path: string): Promise<SecretFile> {
  try {
    return { ok: true, text: await readFile(path, 'utf8') };
  } catch (error) {
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
}

async function othersCanRead(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && (found.mode & OTHERS_MAY_READ) !== 0;
}

function visible(raw: string): string {
  const read = plainText(raw);
  return read.ok ? read.text : '';
}

import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoWords } from '../core/errno.ts';
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
  /** What the `tls_*` keys name, by absolute path. */
  readonly tlsFiles: ReadonlyMap<string, SecretFile>;
}

export type SecretFile =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: string };

const SECRET_FILE = /password_file$/;
const TLS_FILE = /^tls_(?:ca|cert|key)$/;
/** Certificates are shown to everybody who connects. */
const PUBLIC = /^tls_(?:ca|cert)$/;
/** Not the group: a daemon that is no root may read a file of root's by its group. */
const OTHERS_MAY_READ = 0o004;
/** Far more than anybody writes by hand. */
const LARGEST_BYTES = 1024 * 1024;

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
  const secretFiles = await readFiles(entries, folder, findings, SECRET_FILE, readSecret);
  const tlsFiles = await readFiles(entries, folder, findings, TLS_FILE, readText);
  return { file, folder, ini, findings, secretFiles, tlsFiles };
}

async function warnIfOthersCanRead(
  file: string,
  entries: readonly Entry[],
  findings: Findings,
): Promise<void> {
  if (!entries.some(({ key, raw }) => key.endsWith('password') && visible(raw) !== '')) return;
  if (await othersCanRead(file))
    findings.warn(null, `holds passwords and others can read it: chmod o= ${file}`);
}

/** What the keys that match `named` name. Whatever of it is secret should not be for everybody to read. */
async function readFiles(
  entries: readonly Entry[],
  folder: string,
  findings: Findings,
  named: RegExp,
  read: (path: string) => Promise<SecretFile>,
): Promise<ReadonlyMap<string, SecretFile>> {
  const found = new Map<string, SecretFile>();
  for (const { key, raw, line } of entries) {
    const name = named.test(key) ? visible(raw) : '';
    if (name === '') continue;
    const path = resolve(folder, name);
    found.set(path, await read(path));
    if (!PUBLIC.test(key) && !isHandedIn(path) && (await othersCanRead(path))) {
      findings.warn(line, `others can read ${name}: chmod o= ${path}`);
    }
  }
  return found;
}

async function readSecret(path: string): Promise<SecretFile> {
  const read = await readText(path);
  if (!read.ok) return read;
  const text = read.text.replace(/\r?\n$/, '');
  if (text === '') return { ok: false, why: 'it is empty' };
  if (/[\r\n]/.test(text)) return { ok: false, why: 'it holds more than one line' };
  return text.includes('\uFFFD') ? { ok: false, why: 'it is not UTF-8' } : { ok: true, text };
}

async function readText(path: string): Promise<SecretFile> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return { ok: false, why: 'it is a directory' };
    // A pipe or a device may never come to an end.
    if (!found.isFile()) return { ok: false, why: 'it is no regular file' };
    if (found.size > LARGEST_BYTES)
      return { ok: false, why: 'it is larger than 1 MiB, is it the right one?' };
    const text = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
    return text.includes('\0') ? { ok: false, why: 'it is no text file' } : { ok: true, text };
  } catch (error) {
    return { ok: false, why: errnoWords(error) };
  }
}

/** Container engines put secrets there, readable by every user of that one container. */
export function isHandedIn(path: string): boolean {
  return path.startsWith('/run/secrets/');
}

async function othersCanRead(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && (found.mode & OTHERS_MAY_READ) !== 0;
}

function visible(raw: string): string {
  const read = plainText(raw);
  return read.ok ? read.text : '';
}

import type { z } from 'zod';
import { HubError } from '../errors.ts';

/** Longest document that is written or read, in bytes. */
export const DOCUMENT_LIMIT = 65_536;

/** A stored text, or null and why it cannot be used; an empty `why` means absent. */
export interface Stored {
  readonly text: string | null;
  readonly why: string;
}

/** Some fields of a hash, or null and why they cannot be used; an empty `why` means absent. */
export interface RawFields {
  readonly values: readonly string[] | null;
  readonly why: string;
}

/** The stored form of a document: JSON in plain ASCII, so that no client on the way can change a byte. */
export function serialise(what: string, document: object): string {
  const text = JSON.stringify(document).replace(/[\u007f-\uffff]/g, escapeCharacter);
  if (text.length > DOCUMENT_LIMIT) {
    throw new HubError(
      `${what} would be ${text.length} bytes long; nobody reads more than ${DOCUMENT_LIMIT}`,
    );
  }
  return text;
}

/** The document a schema accepts, or null after one complaint. */
export function parseDocument<S extends z.ZodType>(
  schema: S,
  name: string,
  stored: Stored,
  complain: (complaint: string) => void,
): z.infer<S> | null {
  if (stored.text === null) {
    if (stored.why !== '') complain(`${name} ${stored.why}`);
    return null;
  }
  const parsed = schema.safeParse(fromJson(stored.text));
  if (parsed.success) return parsed.data;
  complain(`${name} is not understood: ${describe(parsed.error)}`);
  return null;
}

/** What a text taken straight from Redis counts as: the rules of `lua/shared.lua`. */
export function stored(text: string | null): Stored {
  if (text === null || text === '') return { text: null, why: '' };
  if (Buffer.byteLength(text) > DOCUMENT_LIMIT) return { text: null, why: 'is longer than 64 kB' };
  if (/[^\t\n\r -~]/.test(text)) return { text: null, why: 'is not plain text' };
  return { text, why: '' };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What is wrong with a document, in a few words. */
export function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'no reason given';
  const path = issue.path.map(String).join('.');
  return `${path === '' ? '' : `${path}: `}${issue.message}`.slice(0, 200);
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

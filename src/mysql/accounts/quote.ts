/** Text for statements of a session that runs with `NO_BACKSLASH_ESCAPES` and without `ANSI_QUOTES`. */
import { binary } from '../dialects/text.ts';

export function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function quotedAccount({ user, host }: { readonly user: string; readonly host: string }): string {
  return `${quotedText(user)}@${quotedText(host)}`;
}

/** In hexadecimal: no quoting rule matters, and it takes on the collation of the column it is compared with. */
export function pattern(text: string): string {
  return `_utf8mb4 ${binary(text)}`;
}

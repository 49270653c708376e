import { plainText, readable } from './ini.ts';

export type Command =
  | { readonly ok: true; readonly words: readonly string[]; readonly text: string }
  | { readonly ok: false; readonly why: string };

/**
 * Splits a command at blanks; quotes group and are removed, nothing else is special and nothing is expanded.
 * A word that begins with `#` or `;` outside quotes starts a comment. One pair of quotes around the whole
 * command is the INI file's, not the command's.
 */
export function splitCommand(raw: string): Command {
  const start = raw.trim();
  const whole = /^(?:"[^"]*"|'[^']*')(?:\s+[#;].*)?$/.test(start) ? plainText(raw) : null;
  return split(whole?.ok === true ? whole.text : raw);
}

function split(raw: string): Command {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  let end = 0;
  for (const char of raw) {
    if (quote === '' && word === null && end > 0 && (char === '#' || char === ';')) break;
    end += char.length;
    if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== '') return { ok: false, why: `has a ${quote} without its partner: close it` };
  if (word !== null) words.push(word);
  const text = readable(raw.slice(0, end).trim());
  return text.ok ? { ok: true, words, text: text.text } : text;
}

/** The mail keys of the agent's `[mysql]`. While send_mail is off the others do not matter. */
import { endpoint, isAddress } from '../core/address.ts';
import type { Reading, Table, Values } from './section.ts';
import type { Source } from './source.ts';
import type { MailConfig } from './types.ts';
import { choice, text } from './values.ts';

export const MAIL_KEYS = {
  send_mail: choice(['0', '1', 'no', 'yes', 'off', 'on', 'false', 'true']),
  email_server: text(null),
  email_sender: text('mmm_manager@mmm.com'),
  email_receiver: text(null),
} as const satisfies Table;

const SMTP_PORT = 25;
/** As the ancestor, which handed such mail to this host's own mail program. */
const THIS_HOST = 'localhost';
const MOST_RECEIVERS = 100;

type MailReading = Pick<Reading<typeof MAIL_KEYS>, 'line'> & {
  readonly sound: Partial<Values<typeof MAIL_KEYS>>;
};

/** null when mail is off, has no receiver, or a key is mistaken (which is recorded). */
export function readMail(source: Source, { sound, line }: MailReading): MailConfig | null {
  if (!['1', 'yes', 'on', 'true'].includes(sound.send_mail ?? '0')) return null;
  const server = serverOf(source, sound.email_server ?? null, line('email_server'));
  const [sender] = addressesOf(source, 'email_sender', sound.email_sender ?? '', line('email_sender'));
  const given = addressesOf(source, 'email_receiver', sound.email_receiver ?? '', line('email_receiver'));
  const receivers = [...new Set(given)];
  if ((sound.email_receiver ?? null) === null) {
    source.findings.warn(line('send_mail'), 'send_mail without email_receiver: nobody gets mail');
  }
  if (receivers.length > MOST_RECEIVERS) {
    source.findings.mistake(
      line('email_receiver'),
      `email_receiver may name ${MOST_RECEIVERS} addresses at most`,
    );
  }
  if (server === null || sender === undefined || receivers.length === 0) return null;
  const complete = (name: string) => (name.includes('@') ? name : `${name}@${domainOf(server.host)}`);
  return { ...server, sender: complete(sender), receivers: receivers.map(complete) };
}

/** A name by itself is a mailbox of the mail server. */
function domainOf(host: string): string {
  if (host.includes(':')) return `[IPv6:${host}]`;
  return /^[0-9.]+$/.test(host) ? `[${host}]` : host;
}

/** `host`, `host:port`, and as mail programs write it, `smtp://host:port`. */
function serverOf(
  source: Source,
  value: string | null,
  line: number | null,
): { readonly host: string; readonly port: number } | null {
  const name = (value ?? THIS_HOST).replace(/^smtp:\/\//, '');
  const at = isAddress(name) ? name : `${name}:${SMTP_PORT}`;
  if (isAddress(at)) return endpoint(at);
  const meant = JSON.stringify(name.slice(0, 80));
  source.findings.mistake(
    line,
    `email_server must be a host or host:port, such as 10.0.21.5:25, not ${meant}`,
  );
  return null;
}

/** A sender is one address; receivers stand between commas, or blanks. */
function addressesOf(source: Source, key: string, value: string, line: number | null): readonly string[] {
  const words = value.split(/[\s,]+/).filter((word) => word !== '');
  const wrong = words.filter((word) => !isMailAddress(word));
  for (const word of wrong) {
    source.findings.mistake(
      line,
      `${key}: ${JSON.stringify(word.slice(0, 80))} is not a mail address such as dba@example.com`,
    );
  }
  if (key === 'email_sender' && words.length > 1) {
    source.findings.mistake(line, 'email_sender must be one mail address');
  }
  return wrong.length > 0 ? [] : words;
}

/** `local@domain`, or the name of a mailbox such as root. */
function isMailAddress(word: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.+=%&'*/!#$^~{}?-]{0,63}(?:@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)?$/.test(
    word,
  );
}

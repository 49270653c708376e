/** Mail by SMTP to one server, the ancestor's way: no login, port 25. */
import nodemailer from 'nodemailer';
import type { Delivery, Letter, Postman } from '../ports.ts';
import { rawMessage } from './message.ts';
import { isPermanent, refusalsOf, whyNot } from './trouble.ts';

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly sender: string;
  readonly receivers: readonly string[];
  /** For the connection and the greeting. */
  readonly connectMs?: number;
  /** For each silence of the server afterwards. */
  readonly silenceMs?: number;
  /** For a letter as a whole. */
  readonly wholeMs?: number;
}

/**
 * A server that looks into a mail before it takes it may need this long (RFC 5321, 4.5.3.2.6). Whoever gives up
 * earlier and sends it again has it delivered twice.
 */
const SILENCE_MS = 600_000;
const WHOLE_MS = 660_000;

/**
 * Encrypts when the server offers it, whatever certificate it shows, and sends in the clear when it does not or
 * when encrypting fails: an internal relay rarely has a certificate that could be verified, and the ancestor never
 * encrypted. One connection per letter.
 */
export function createPostman(options: SmtpOptions): Postman {
  const wholeMs = options.wholeMs ?? WHOLE_MS;
  return {
    async send(letter, signal) {
      const bound = AbortSignal.any([signal, AbortSignal.timeout(wholeMs)]);
      const first = await attempt(options, letter, bound, true);
      if (first.delivery !== null) return first.delivery;
      if (!isAboutTls(first) || bound.aborted) return failed(options, first, bound);
      const second = await attempt(options, letter, bound, false);
      return second.delivery ?? failed(options, second, bound);
    },
  };
}

interface Attempt {
  /** null: it failed, with this error. */
  readonly delivery: Delivery | null;
  readonly error: unknown;
  readonly code: string;
}

async function attempt(
  options: SmtpOptions,
  letter: Letter,
  signal: AbortSignal,
  encrypts: boolean,
): Promise<Attempt> {
  const { host, port, sender, receivers, connectMs = 15_000 } = options;
  const transport = nodemailer.createTransport({
    host,
    port,
    secure: false,
    ignoreTLS: !encrypts,
    opportunisticTLS: true,
    tls: { rejectUnauthorized: false },
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: options.silenceMs ?? SILENCE_MS,
    socketCloseTimeout: 500,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const info = await transport.sendMail({
      envelope: { from: sender, to: [...(letter.to ?? receivers)], use8BitMime: true },
      raw: rawMessage(letter, { sender, receivers, date: new Date() }),
      signal,
    });
    return { delivery: { ok: true, refused: refusalsOf(info.rejectedErrors) }, error: null, code: '' };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return { delivery: null, error, code };
  }
}

/** A handshake that the other side ends comes as an error of the socket. */
function isAboutTls({ code, error }: Attempt): boolean {
  return code === 'ETLS' || /\b(?:SSL|TLS)\b/.test(String(error));
}

function failed(
  { host, port, wholeMs = WHOLE_MS }: SmtpOptions,
  { error, code }: Attempt,
  bound: AbortSignal,
): Delivery {
  const why = bound.aborted ? `not done within ${wholeMs} ms` : whyNot(error);
  const isAnswer = code === 'EENVELOPE' || code === 'EMESSAGE';
  const forGood = isAnswer && isPermanent(error);
  return { ok: false, why: `mail server ${host}:${port}: ${why}`, isAnswer, forGood };
}

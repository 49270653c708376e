import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { Reading } from './section.ts';
import type { Source } from './source.ts';
import type { TlsConfig } from './types.ts';
import { type Key, text } from './values.ts';

/** `tls_ca` alone switches TLS on. */
export const TLS_KEYS = {
  tls_ca: text(null),
  tls_cert: text(null),
  tls_key: text(null),
  tls_servername: text(null, /^[A-Za-z0-9_.-]{1,253}$/, 'a host name'),
} as const satisfies Readonly<Record<string, Key<string | null>>>;

type TlsReading = Reading<typeof TLS_KEYS>;
type FileKey = 'tls_ca' | 'tls_cert' | 'tls_key';

/** Null without `tls_ca`, and after a mistake. The files are read here, once: a reload reads them again. */
export function readTls(source: Source, section: TlsReading): TlsConfig | null {
  const { tls_ca, tls_cert, tls_key, tls_servername: servername = null } = section.sound;
  const mistake = (key: keyof typeof TLS_KEYS, why: string) =>
    source.findings.mistake(section.line(key), why);
  if (!tls_ca) {
    const alone = (['tls_cert', 'tls_key', 'tls_servername'] as const).find((key) => section.sound[key]);
    if (alone !== undefined && tls_ca === null)
      mistake(alone, `${alone} needs tls_ca, which switches TLS on: set it to the certificate of the signer`);
    return null;
  }
  if (servername !== null && isIP(servername) !== 0) {
    mistake('tls_servername', 'tls_servername must be a host name; an address belongs into [redis] host');
  }
  if (tls_cert && tls_key === null) mistake('tls_cert', 'tls_cert needs tls_key: set both or none');
  if (tls_key && tls_cert === null) mistake('tls_key', 'tls_key needs tls_cert: set both or none');
  const ca = pem(source, section, 'tls_ca', certificatesIn);
  const cert = pem(source, section, 'tls_cert', certificatesIn);
  const key = pem(source, section, 'tls_key', createPrivateKey);
  if (cert !== null && key !== null && cert.parsed[0]?.checkPrivateKey(key.parsed) === false)
    mistake('tls_key', 'tls_key does not belong to the certificate in tls_cert');
  return ca === null ? null : { ca: ca.text, cert: cert?.text ?? null, key: key?.text ?? null, servername };
}

interface Pem<T> {
  readonly text: string;
  readonly parsed: T;
}

/** What is in the file that a key names; null when the key is not given, and after a mistake. */
function pem<T>(
  source: Source,
  section: TlsReading,
  key: FileKey,
  parse: (text: string) => T,
): Pem<T> | null {
  const name = section.sound[key];
  if (!name) return null;
  const file = source.tlsFiles.get(resolve(source.folder, name));
  if (file?.ok !== true) {
    const why = `${key} ${name} cannot be read: ${file?.why ?? 'it was not opened'}`;
    source.findings.mistake(section.line(key), why);
    return null;
  }
  try {
    return { text: file.text, parsed: parse(file.text) };
  } catch {
    const wanted =
      key === 'tls_key' ? 'no private key in PEM form without a passphrase' : 'no certificate in PEM form';
    source.findings.mistake(section.line(key), `${key} ${name} holds ${wanted}`);
    return null;
  }
}

/** Throws when there is none, or when one is damaged. */
function certificatesIn(text: string): readonly X509Certificate[] {
  const all = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  if (all.length === 0) throw new Error('no certificate');
  return all.map((block) => new X509Certificate(block));
}

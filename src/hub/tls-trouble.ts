import type { Reason } from './trouble.ts';

/** What a TLS handshake fails with, and what to do about it. Whatever the other side says of us goes first. */
export const TLS_TROUBLES: readonly (readonly [sign: RegExp, reason: Reason])[] = [
  [
    /alert certificate required|alert handshake failure/,
    () => ' wants a certificate of ours: set [redis] tls_cert and tls_key',
  ],
  [
    /alert unknown ca/,
    () => ' does not know who signed the certificate in [redis] tls_cert: have its tls-ca-cert-file sign it',
  ],
  [
    /alert certificate (?:expired|revoked)/,
    () => ' says that the certificate in [redis] tls_cert has expired: renew it and send HUP',
  ],
  [
    /alert (?:bad|unsupported) certificate|alert certificate unknown/,
    (text) =>
      ` refuses the certificate in [redis] tls_cert (${alertIn(text)}): is it made for clients, and signed by its tls-ca-cert-file?`,
  ],
  [
    /altnames|does not match certificate|Cert does not contain a DNS name/,
    (text, { host, tls }) =>
      `: its certificate is for ${namesIn(text)}, not for "${tls?.servername ?? host}": set [redis] tls_servername to a name that it has, or correct [redis] host`,
  ],
  [/certificate has expired/, () => ': its certificate has expired: renew it there, and look at both clocks'],
  [/certificate is not yet valid/, () => ': its certificate is not valid yet: look at both clocks'],
  [
    /self-signed certificate|self signed certificate|unable to (?:verify the first|get (?:local )?issuer) certificate/,
    () =>
      ': its certificate is not signed by whom [redis] tls_ca names: correct tls_ca, or make sure that it is Redis that answers there',
  ],
  [
    /wrong version number|packet length too long|disconnected before secure TLS connection/,
    () => ' does not speak TLS there: correct [redis] host, or remove tls_ca',
  ],
  [
    /alert protocol version|unsupported protocol|no shared cipher/,
    (text) => ` speaks another version of TLS (${alertIn(text)}): it must be 1.2 or later`,
  ],
];

function namesIn(text: string): string {
  return /cert's altnames: (.+)$/.exec(text)?.[1]?.slice(0, 200) ?? 'another name';
}

/** Such as `alert bad certificate`, out of a line with numbers and names of functions. */
function alertIn(text: string): string {
  return /alert [a-z ]+|unsupported protocol|no shared cipher/.exec(text)?.[0] ?? 'no reason given';
}

/**
 * A member is known everywhere by its address, `host:port`, spelled as in the configuration.
 * Addresses end up in haproxy configurations, SQL and file names, so the grammar is strict:
 * an IPv4 address, a host name (letters, digits, dots, hyphens) or an IPv6 address in brackets,
 * then a port from 1 to 65535. Nothing else is ever accepted from Redis or a file.
 */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

/** Where to connect: `host` without brackets, `port` as a number. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Whether `text` is a well-formed `host:port`. */
export function isAddress(text: string): boolean {
  return parse(text) !== null;
}

/** Splits a well-formed address; throws on any other text (callers validate at the edge). */
export function endpoint(address: string): Endpoint {
  const parts = parse(address);
  if (parts === null) throw new Error(`not a host:port address: ${JSON.stringify(address.slice(0, 80))}`);
  return { host: parts.host.replace(/^\[|\]$/g, ''), port: parts.port };
}

/** A reason that begins with the address which the sentence around it has named already. */
export function withoutAddress(address: string, reason: string): string {
  return reason.startsWith(`${address}: `) ? reason.slice(address.length + 2) : reason;
}

function parse(text: string): Endpoint | null {
  const colon = text.lastIndexOf(':');
  if (colon < 1 || text.length > 262) return null;
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (!HOST.test(host) || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return null;
  return { host, port: Number(port) };
}

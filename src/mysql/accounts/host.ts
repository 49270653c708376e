/** Host parts of accounts, as servers compare them with where a client comes from. Pure. */

/** `from` is an address or a name, without a port. */
export function hostMatches(accountHost: string, from: string): boolean {
  const host = accountHost.toLowerCase();
  const [network, mask] = host.split('/');
  if (mask !== undefined) {
    const [one, two, bits] = [toNumber(from), toNumber(network ?? ''), toNumber(mask)];
    return one !== null && two !== null && bits !== null && (one & bits) === two;
  }
  return host === '' || wildcard(host).test(from.toLowerCase());
}

/** The account with the greatest one is taken: a host without wildcards, then the longest beginning before one. */
export function narrowness(accountHost: string): number {
  if (accountHost === '') return 0;
  const start = accountHost.search(/[%_]/);
  return start === -1 ? Number.POSITIVE_INFINITY : start + 1;
}

/** Without the port that the process list adds. */
export function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}

function wildcard(host: string): RegExp {
  const parts = [...host].map((char) => {
    if (char === '%') return '.*';
    return char === '_' ? '.' : char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}

function toNumber(address: string): number | null {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return null;
  return parts.reduce((sum, part) => (sum << 8) | part, 0);
}

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Finds the IP addresses of hosts, bounded in time. */
export interface Resolver {
  /** All addresses, in their usual spelling; the last known ones when the name service fails; else empty. */
  ips(host: string): Promise<readonly string[]>;
  /** The first of the last known addresses; empty text when unknown. */
  known(host: string): string;
}

export function createResolver(options: {
  readonly timeoutMs: number;
  readonly keepMs: number;
  readonly now: () => number;
}): Resolver {
  const found = new Map<string, { readonly ips: readonly string[]; readonly at: number }>();

  async function refresh(host: string): Promise<void> {
    const answers = await bounded(lookup(host, { all: true }), options.timeoutMs).catch(() => []);
    if (answers.length === 0) return;
    found.set(host, { ips: answers.map(({ address }) => canonicalIp(address)), at: options.now() });
  }

  return {
    async ips(host) {
      if (isIP(host) !== 0) return [canonicalIp(host)];
      const kept = found.get(host);
      if (kept === undefined) await refresh(host);
      // An old answer is good enough for now: a slow name service must not slow a switch.
      else if (options.now() - kept.at > options.keepMs) void refresh(host);
      return found.get(host)?.ips ?? [];
    },
    known: (host) => (isIP(host) !== 0 ? host : (found.get(host)?.ips[0] ?? '')),
  };
}

/** One spelling for each IP address, so that texts can be compared. */
export function canonicalIp(ip: string): string {
  return isIP(ip) === 6 ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

function bounded<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('too late')), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

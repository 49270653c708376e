/** A server line of a running haproxy, from `show servers state` and `show stat`. */
export interface RuntimeServer {
  readonly backend: string;
  readonly name: string;
  /** IP without brackets, or `-`. */
  readonly ip: string;
  /** Host name from its configuration, or `-`. */
  readonly fqdn: string;
  readonly port: string;
  /** 0 stopped (down), 1 starting, 2 running, 3 stopping. */
  readonly operation: number;
  readonly maint: boolean;
  readonly drain: boolean;
  readonly sessions: number;
}

/** The commands whose answers `parseServers` and `parsePid` read. */
export const SHOW = 'show servers state; show stat -1 4 -1; show info';

const MAINT = 0x01 | 0x02 | 0x20;
const DRAIN = 0x08 | 0x10;

/** The servers in the answer to `SHOW`, by its headers; null when they are not there. */
export function parseServers(answer: string): RuntimeServer[] | null {
  const states = table(answer, '# be_id', /\s+/);
  const stats = table(answer, '# pxname', /,/);
  if (states === null || stats === null) return null;
  const sessions = new Map(
    stats.map((row) => [`${row.get('pxname')}/${row.get('svname')}`, row.get('scur')]),
  );
  return states.map((row) => {
    const backend = row.get('be_name') ?? '';
    const name = row.get('srv_name') ?? '';
    const admin = Number(row.get('srv_admin_state'));
    return {
      backend,
      name,
      ip: row.get('srv_addr') ?? '-',
      fqdn: row.get('srv_fqdn') ?? '-',
      port: row.get('srv_port') ?? '',
      operation: Number(row.get('srv_op_state')),
      maint: (admin & MAINT) !== 0,
      drain: (admin & DRAIN) !== 0,
      // A server without a count is taken for busy: nothing may be called cut on a guess.
      sessions: Number(sessions.get(`${backend}/${name}`) ?? 1),
    };
  });
}

/** What haproxy said to the commands before the tables: empty when all went well. */
export function remarks(answer: string): string {
  const before = answer.split(/^1\n(?=# be_id)/m)[0] ?? '';
  return before
    .split('\n')
    .filter((line) => line.trim() !== '')
    .join(' ')
    .slice(0, 300);
}

/** The worker's process id from `show info`; null when it is not there. */
export function parsePid(answer: string): string | null {
  return /^Pid:\s*(\d+)$/m.exec(answer)?.[1] ?? null;
}

function table(answer: string, header: string, blank: RegExp): ReadonlyMap<string, string>[] | null {
  const lines = answer.split('\n');
  const start = lines.findIndex((line) => line.startsWith(header));
  const names = lines[start]?.slice(2).split(blank);
  if (names === undefined) return null;
  const end = lines.indexOf('', start);
  const rows = lines.slice(start + 1, end === -1 ? undefined : end);
  return rows.map((row) => {
    const cells = row.split(blank);
    return new Map(names.map((name, i) => [name, cells[i] ?? '']));
  });
}

/** What a row asks a site: the documents in Redis and where haproxy leads, all by socket files. */
import type { DbServer } from '../support/db-server.ts';
import { eventually } from '../support/eventually.ts';
import { testSession } from '../support/mariadb-admin.ts';
import { accounts } from '../support/mariadb-template.ts';
import type { RedisServer } from '../support/redis.ts';

/** What is read of the topology document. */
export interface TopologyView {
  readonly generation: number;
  readonly step: number;
  readonly phase: string;
  readonly kind: string;
  readonly writer: string | null;
  readonly proof: string | null;
  readonly reason: string;
  readonly members: readonly {
    readonly address: string;
    readonly state: string;
    readonly extra?: { readonly count: number };
  }[];
}

type EventView = Readonly<Record<string, string>>;

export interface Questions {
  topology(): Promise<TopologyView | null>;
  /** Resolves when the topology is stable, with this writer if given, and haproxy leads there. */
  stable(writer?: DbServer, withinMs?: number): Promise<TopologyView>;
  /** Resolves when every member is online and attended, and a local agent holds an armed lease. */
  healthy(withinMs?: number): Promise<void>;
  /** A hash of the cluster in Redis, such as `lease`; empty when there is none. */
  hash(name: string): Promise<Readonly<Record<string, string>>>;
  /** Oldest first. */
  events(): Promise<readonly EventView[]>;
}

interface Of {
  readonly a: DbServer;
  readonly b: DbServer;
  readonly redis: RedisServer;
  readonly uniqsign: string;
  /** Socket file that leads to haproxy. */
  readonly way: string;
  readonly agents: 'local' | 'central';
}

export function ask(of: Of): Questions {
  const { a, b, redis, uniqsign } = of;
  const key = (name: string) => `mysql-${uniqsign}-${name}`;
  const topology = async () => {
    const text = await redis.client.get(key('topology'));
    return text === null ? null : (JSON.parse(text) as TopologyView);
  };
  const hash = (name: string) => redis.client.hgetall(key(name));
  const stable = async (writer?: DbServer, withinMs = 20_000) => {
    const who = writer === undefined ? '' : ` on ${writer.address}`;
    const seen = await eventually(
      `stable${who}, and haproxy leads there`,
      async () => whatLacks(await topology(), of, writer),
      (found) => typeof found !== 'string',
      { withinMs },
    );
    return seen as TopologyView;
  };
  const healthy = async (withinMs = 30_000) => {
    await eventually(
      'stable, every member online and attended',
      async () => {
        const { members } = await stable(undefined, withinMs);
        const ids = of.agents === 'local' ? ['dba', 'dbb'] : ['mon', 'mon'];
        const reports = await Promise.all(ids.map((id) => redis.client.get(key(`agent-${id}`))));
        const unattended = [a, b].filter(({ address }, i) => !reports[i]?.includes(`"${address}"`));
        const lease = of.agents === 'local' ? await hash('lease') : {};
        return { members, unattended: unattended.length, lease };
      },
      ({ members, unattended, lease }) =>
        unattended === 0 &&
        members.every(({ state }) => state === 'online') &&
        (of.agents === 'central' || lease.armed === '1'),
      { withinMs },
    );
  };
  const events = async () => (await redis.client.xrange(key('events'), '-', '+')).map(toEvent);
  return { topology, stable, healthy, hash, events };
}

/** The topology, or in words what is missing. */
async function whatLacks(
  now: TopologyView | null,
  { a, b, way }: Of,
  writer: DbServer | undefined,
): Promise<TopologyView | string> {
  if (now?.phase !== 'stable' || now.writer === null) return `topology ${JSON.stringify(now)}`;
  if (writer !== undefined && now.writer !== writer.address) return `the writer is ${now.writer}`;
  const session = await testSession({ socketPath: way, ...accounts.verify });
  try {
    const [row] = await session.query('SELECT @@server_id AS id, @@read_only AS closed');
    const reached = (Number(row?.id) === 1 ? a : b).address;
    return reached === now.writer && row?.closed === 0
      ? now
      : `haproxy leads to ${reached}, ${JSON.stringify(row)}`;
  } finally {
    session.end();
  }
}

function toEvent([id, fields]: readonly [string, readonly string[]]): EventView {
  const pairs = fields.flatMap((field, index) => (index % 2 === 0 ? [[field, fields[index + 1] ?? '']] : []));
  return { ...Object.fromEntries(pairs), at: id.split('-')[0] ?? '' };
}

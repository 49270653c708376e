/** Builds situations for decision tests: a calm pair by default, and only what a test is about differs. */
import type { Lease, Link, Look, MemberReport, Policy, Topology } from '../../src/core/model.ts';
import type { Cluster, Health, Situation } from '../../src/core/situation.ts';

export const A = '10.0.21.5:3308';
export const B = '10.0.21.7:3308';
export const C = '10.0.21.9:3308';

export const policy: Policy = {
  fencing: 'routed',
  probeIntervalMs: 500,
  confirmMs: 200,
  silenceMs: 10_000,
  freezeMs: 3000,
  tryTimes: 2,
  maxLagMs: 30_000,
  catchupMs: 10_000,
  writePauseMs: 2000,
  maxLostTransactions: null,
  failback: 'manual',
  flapCount: 3,
  flapMs: 3_600_000,
  autoSetOnlineMs: 60_000,
  monitorUser: 'user_mmm',
  leaseMs: 5000,
  failoverCooldownMs: 600_000,
};

export const cluster: Cluster = {
  uniqsign: '8d9a4b2924dc40baa792d742cb786345',
  tag: 'mysql3308',
  masters: [A, B],
  policy,
  canFence: false,
};

const ids: Readonly<Record<string, number>> = { [A]: 1, [B]: 2, [C]: 3 };

/** A running, caught-up link. */
export function link(from: string, over: Partial<Link> = {}): Link {
  return {
    from,
    fromServerId: ids[from] ?? 0,
    io: 'yes',
    sql: 'yes',
    lagSeconds: 0,
    drained: true,
    gtid: true,
    heartbeatMs: 500,
    heard: 'x',
    quietMs: 0,
    ioError: '',
    sqlError: '',
    ...over,
  };
}

/** A look at a closed server with a running link from `from`. */
export function look(address: string, from: string, over: Partial<Look> = {}): Look {
  return {
    flavour: 'mariadb',
    version: '10.11.19-MariaDB',
    serverId: ids[address] ?? 9,
    uptimeSeconds: 1000,
    readOnly: true,
    clients: 0,
    history: { kind: 'mariadb', state: '0-1-100,0-2-50', received: address === A ? '0-2-50' : '0-1-100' },
    links: [link(from)],
    ...over,
  };
}

/** A member that answers. */
export function up(seen: Look): Health {
  return { status: 'up', forMs: 60_000, failures: 0, reason: '', look: seen };
}

/** A member that nobody listens at. */
export function refused(forMs: number): Health {
  return { status: 'refused', forMs, failures: 9, reason: 'connection refused', look: null };
}

/** A member that answers nothing. */
export function silent(forMs: number, failures = 9): Health {
  return { status: 'silent', forMs, failures, reason: 'no answer', look: null };
}

/** An agent's word about a member. */
export function word(over: Partial<MemberReport>): MemberReport {
  return {
    generation: 42,
    step: 0,
    did: 'closed',
    detail: '',
    look: null,
    startsClosed: null,
    tookMs: 5,
    accounts: '',
    local: false,
    lockedMs: 0,
    termMs: 0,
    ...over,
  };
}

/** Stable at generation 42, A writes, one sidecar registered. */
export function stable(over: Partial<Topology> = {}): Topology {
  return {
    v: 1,
    uniqsign: cluster.uniqsign,
    tag: cluster.tag,
    generation: 42,
    step: 3,
    phase: 'stable',
    kind: 'bootstrap',
    reason: 'adopted the only writable member',
    from: null,
    to: A,
    writer: A,
    members: [
      { address: A, role: 'writer', kind: 'master', state: 'online' },
      { address: B, role: 'standby', kind: 'master', state: 'online' },
    ],
    parked: [],
    proof: null,
    position: null,
    sidecars: ['proxy1'],
    routedBySidecars: true,
    failedOver: false,
    asked: false,
    undoneFailbacks: 0,
    paused: null,
    vouched: null,
    incarnation: 'run1',
    leaseIncarnation: '',
    request: null,
    heldMs: 0,
    lastFailover: null,
    unknownLoss: null,
    policy,
    ...over,
  };
}

/** A calm pair: both up, A open, both agents reporting, frozen against mutation. */
export function situation(
  over: Partial<Situation> & { readonly words?: Readonly<Record<string, MemberReport>> } = {},
): Situation {
  const topology = over.topology === undefined ? stable() : over.topology;
  const looks = {
    [A]: look(A, B, { readOnly: topology?.writer !== A }),
    [B]: look(B, A, { readOnly: topology?.writer !== B }),
  };
  const { words, ...rest } = over;
  const said: Readonly<Record<string, MemberReport>> = words ?? {
    [A]: word({ did: topology?.writer === A ? 'opened' : 'closed', look: looks[A] ?? null }),
    [B]: word({ did: topology?.writer === B ? 'opened' : 'closed', look: looks[B] ?? null }),
  };
  return deepFreeze({
    cluster,
    topology,
    floor: topology?.generation ?? 0,
    watchedMs: 60_000,
    phaseMs: 60_000,
    health: new Map(Object.entries(looks).map(([a, l]) => [a, up(l)])),
    lastLook: new Map(Object.entries(looks)),
    brokenMs: new Map(),
    extraMs: new Map(),
    onlineMs: new Map(),
    outages: new Map(),
    agents: new Map(
      Object.entries(said).map(([a, report]) => [a, { agent: 'agent1', report, blocks: false, ageMs: 100 }]),
    ),
    sidecars: [sidecar('proxy1', topology?.generation ?? 1, 'routed')],
    requests: [],
    legacyWriter: topology?.writer ?? null,
    incarnation: 'run1',
    lease: topology === null ? null : leaseAt(topology),
    leaseStillMs: 100,
    fence: null,
    redisNowMs: 1_000_000,
    lastTopology: topology,
    ...rest,
  });
}

/** The lease as a central agent leaves it: given, and never renewed. In a handover it is still the old writer's. */
function leaseAt(t: Topology): Lease {
  const isGiven = t.phase === 'stable' || t.phase === 'opening';
  return lease({
    holder: (isGiven ? (t.writer ?? t.to) : t.from) ?? A,
    generation: isGiven ? t.generation : t.generation - 1,
  });
}

/** A's lease at generation 42. */
export function lease(over: Partial<Lease> = {}): Lease {
  return {
    holder: A,
    generation: 42,
    counter: 0,
    agent: '',
    armed: false,
    released: false,
    incarnation: 'run1',
    ...over,
  };
}

/** A live sidecar's report. */
export function sidecar(
  id: string,
  generation: number,
  did: 'cut' | 'routed' | 'watching' | 'failed',
): Situation['sidecars'][number] {
  return {
    ageMs: 100,
    report: {
      v: 1,
      id,
      serves: [A, B],
      generation,
      step: 0,
      floor: generation,
      did,
      leaving: false,
      detail: '',
      tookMs: 1,
      targets: [],
      seq: 1,
    },
  };
}

/** The pair with the writer dead: B's link to it is broken, B's agent goes on reporting. */
export function writerDead(health: Health, over: Parameters<typeof situation>[0] = {}): Situation {
  const standby = look(B, A, { links: [link(A, { io: 'connecting', lagSeconds: null })] });
  return situation({
    health: new Map([
      [A, health],
      [B, up(standby)],
    ]),
    words: { [A]: word({ did: 'unreachable' }), [B]: word({ did: 'closed', look: standby }) },
    ...over,
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof Map)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Valid documents for tests that only care for a part of them. */
import type {
  AgentReport,
  Event,
  Facts,
  Look,
  Policy,
  Probe,
  Request,
  SidecarReport,
  Topology,
} from '../../src/core/model.ts';

export const SIGN = '8d9a4b2924dc40baa792d742cb786345';
export const A = '10.0.21.5:3308';
export const B = '10.0.21.7:3308';

export const aPolicy: Policy = {
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

/** Stable, A writes, B stands by. */
export function aTopology(over: Partial<Topology> = {}): Topology {
  return {
    v: 1,
    uniqsign: SIGN,
    tag: 'mysql3308',
    generation: 42,
    step: 0,
    phase: 'stable',
    kind: 'bootstrap',
    reason: 'the only writable member',
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
    sidecars: [],
    routedBySidecars: false,
    failedOver: false,
    asked: false,
    undoneFailbacks: 0,
    paused: null,
    incarnation: 'run1',
    leaseIncarnation: '',
    request: null,
    heldMs: 0,
    lastFailover: null,
    unknownLoss: null,
    vouched: null,
    policy: aPolicy,
    ...over,
  };
}

export function aLook(over: Partial<Look> = {}): Look {
  return {
    flavour: 'mariadb',
    version: '10.11.6-MariaDB',
    serverId: 1,
    uptimeSeconds: 1000,
    readOnly: false,
    clients: 0,
    history: { kind: 'mariadb', state: '0-1-10', received: '' },
    links: [],
    ...over,
  };
}

export function aProbe(over: Partial<Probe> = {}): Probe {
  return { status: 'up', forMs: 1000, failures: 0, reason: '', look: aLook(), ...over };
}

export function someFacts(over: Partial<Facts> = {}): Facts {
  return {
    v: 1,
    id: 'monitor1',
    uniqsign: SIGN,
    seq: 1,
    members: { [A]: aProbe(), [B]: aProbe({ look: aLook({ serverId: 2, readOnly: true }) }) },
    ...over,
  };
}

export function anAgentReport(over: Partial<AgentReport> = {}): AgentReport {
  return {
    v: 1,
    id: 'agent1',
    serves: [A, B],
    generation: 42,
    step: 0,
    floor: 42,
    did: 'watching',
    position: null,
    seq: 1,
    members: {},
    blocks: false,
    ...over,
  };
}

export function aSidecarReport(over: Partial<SidecarReport> = {}): SidecarReport {
  return {
    v: 1,
    id: 'sidecar1',
    serves: [A, B],
    generation: 42,
    step: 0,
    floor: 42,
    did: 'routed',
    leaving: false,
    detail: '',
    tookMs: 3,
    targets: [],
    seq: 1,
    ...over,
  };
}

export function aRequest(over: Partial<Request> = {}): Request {
  return {
    v: 1,
    id: 'request1',
    verb: 'switchover',
    to: B,
    sidecar: null,
    member: null,
    forMs: null,
    force: false,
    acceptLoss: false,
    by: 'root@host',
    ...over,
  };
}

export function anEvent(over: Partial<Event> = {}): Event {
  return {
    kind: 'switchover',
    generation: 43,
    phase: 'closing',
    from: A,
    to: B,
    proof: '',
    reason: 'asked by root@host',
    loss: '',
    took: '',
    by: 'identify host1',
    ...over,
  };
}

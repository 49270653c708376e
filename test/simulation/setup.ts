/** How a site is built and configured: drawn from its seed. */
import type { Policy } from '../../src/core/model.ts';
import type { Random } from './random.ts';

export const A = '10.0.21.5:3308';
export const B = '10.0.21.7:3308';
export const UNIQSIGN = '8d9a4b2924dc40baa792d742cb786345';
export const TAG = 'mysql3308';

export interface Setup {
  /** `local`: an agent beside each server holds the lease. `central`: one agent for both, elsewhere. */
  readonly agents: 'local' | 'central';
  readonly withSidecars: boolean;
  readonly secondIdentify: boolean;
  readonly withFenceCmd: boolean;
  readonly blocks: boolean;
  /** Whether servers come back read-only; null: they do, and nobody can tell beforehand. */
  readonly startsClosed: boolean | null;
  readonly policy: Policy;
  /** Which faults there may be. */
  readonly faults: Faults;
}

/** `daemons`: programs and Redis only; nothing may be lost then. `all`: whatever happens. */
export type Faults = 'daemons' | 'servers' | 'all';

/** The defaults, but for what would make a run long. */
export const CALM_POLICY: Policy = {
  fencing: 'strict',
  probeIntervalMs: 500,
  confirmMs: 200,
  silenceMs: 5000,
  freezeMs: 3000,
  tryTimes: 2,
  maxLagMs: 30_000,
  catchupMs: 10_000,
  writePauseMs: 2000,
  maxLostTransactions: null,
  failback: 'manual',
  flapCount: 3,
  flapMs: 60_000,
  autoSetOnlineMs: 60_000,
  monitorUser: 'user_mmm',
  leaseMs: 5000,
  failoverCooldownMs: 0,
};

export function drawSetup(random: Random): Setup {
  const agents = random.chance(0.8) ? 'local' : 'central';
  const withSidecars = agents === 'central' || random.chance(0.4);
  const fencing = agents === 'central' || (withSidecars && random.chance(0.5)) ? 'routed' : 'strict';
  const leaseMs = random.pick([2000, 3000, 5000, 8000]);
  const isAuto = random.chance(0.25);
  return {
    agents,
    withSidecars,
    secondIdentify: random.chance(0.5),
    withFenceCmd: agents === 'local' && random.chance(0.2),
    blocks: random.chance(0.3),
    startsClosed: random.chance(0.15) ? null : true,
    policy: {
      ...CALM_POLICY,
      fencing,
      freezeMs: Math.min(3000, leaseMs * 0.6),
      failback: isAuto ? 'auto' : 'manual',
      flapMs: random.pick([10, 60_000]),
      autoSetOnlineMs: isAuto ? 1500 : 60_000,
      leaseMs,
      failoverCooldownMs: random.pick([0, 5000]),
    },
    faults: random.pick(['daemons', 'servers', 'all', 'all', 'all', 'all']),
  };
}

/** Where promise 1 is given: everything else is best effort, and counted apart. */
export function promisesOneWriter(setup: Setup): boolean {
  return setup.agents === 'local';
}

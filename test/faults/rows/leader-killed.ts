/** The identify that leads is killed in the middle of a handover; another one finishes it. */
import { eventually } from '../../support/eventually.ts';
import type { Row, Scene } from '../row.ts';
import { local } from '../set-ups.ts';
import type { Site } from '../site.ts';

const twoIdentifies = { ...local, identifies: 2 } as const;

export const leaderKilled: readonly Row[] = [
  killedAt('closing', 'switchover'),
  killedAt('opening', 'switchover'),
  killedAt('stable', 'switchover'),
  killedAt('closing', 'failover'),
  killedAt('opening', 'failover'),
];

function killedAt(phase: string, kind: 'switchover' | 'failover'): Row {
  const planned = kind === 'switchover';
  return {
    name: `leader-killed-${kind}-${phase}`,
    promise: `the leading identify is killed in a ${kind}, right at ${phase}: the other one finishes it`,
    site: twoIdentifies,
    ...(phase === 'closing' && planned && { everyRun: true as const }),
    // A planned one that takes longer than write_pause_budget is undone.
    expects: { writer: planned ? 'any' : 'other', failovers: planned ? 0 : 1 },
    async disturb(scene) {
      const { site, mark } = scene;
      const { generation } = await site.stable();
      const leader = await site.leader();
      mark(planned ? 'mmm-control switchover' : 'dba is cut off');
      const seen = reached(site, generation, phase);
      if (planned) site.control('switchover');
      else await site.net.cutOff('dba');
      await seen;
      await leader.kill9();
      mark(`the leader is dead, the topology is ${(await site.topology())?.phase}`);
      await comesToRest(scene);
    },
  };
}

/** Looks as often as it can: a phase lasts some ten milliseconds. */
async function reached(site: Site, generation: number, phase: string): Promise<void> {
  await eventually(
    `the handover is at ${phase}`,
    () => site.topology(),
    (now) => now !== null && now.generation > generation && now.phase === phase,
    { everyMs: 0 },
  );
}

async function comesToRest({ site, clients, mark }: Scene): Promise<void> {
  await site.stable(undefined, 30_000);
  mark('stable again');
  await clients.flowing(5, 30_000);
}

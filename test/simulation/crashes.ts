/** A daemon dies before or after each single call it makes in the course of a handover, and comes back. */
import { makePeace } from './chaos.ts';
import { R } from './hub-port.ts';
import { Violation } from './ledger.ts';
import { expectNothingLost, whyNotHealed } from './peace.ts';
import type { Process } from './process.ts';
import { A, B, CALM_POLICY, type Setup } from './setup.ts';
import type { Site } from './site.ts';

export const HANDOVERS = ['switchover', 'server dies', 'host is cut off'] as const;

/** Which daemon dies where; `call` null: nobody dies, the calls are counted. */
export interface Crash {
  readonly handover: (typeof HANDOVERS)[number];
  readonly daemon: string;
  readonly call: number | null;
  readonly when: 'before' | 'after';
}

/** Nothing is drawn but the delays. */
export const CRASH_SETUP: Partial<Setup> = {
  agents: 'local',
  withSidecars: true,
  secondIdentify: false,
  withFenceCmd: false,
  blocks: true,
  startsClosed: true,
  faults: 'all',
  policy: { ...CALM_POLICY, leaseMs: 2000, freezeMs: 1200 },
};

const CALM_MS = 9000;
const HANDOVER_MS = 12_000;
const HEALED_MS = 40_000;
const AWAY_MS = 700;

/** Resolves with how many calls the daemon made until the new writer was open. */
export async function handOver(site: Site, crash: Crash): Promise<number> {
  const { engine, ledger, processes } = site;
  await engine.run(CALM_MS, ledger.look);
  const daemon = processes.get(crash.daemon);
  if (daemon === undefined) throw new Error(`no daemon ${crash.daemon}`);
  const before = daemon.calls;
  let count = 0;
  const look = (): void => {
    ledger.look();
    if (count === 0 && isOver(site)) count = daemon.calls - before;
  };
  begin(site, crash.handover);
  if (crash.call !== null) dieAt(site, daemon, before + crash.call, crash.when);
  await engine.run(CALM_MS + HANDOVER_MS, look);
  makePeace(site);
  let why: string | null = null;
  for (let ms = 1000; ms <= HEALED_MS; ms += 1000) {
    await engine.run(CALM_MS + HANDOVER_MS + ms, look);
    why = await whyNotHealed(site);
    if (why === null && ms >= 3000) break;
  }
  if (why !== null) throw new Violation('I10', `not healed after ${JSON.stringify(crash)}: ${why}`);
  expectNothingLost(site);
  if (crash.call === null && count === 0) throw new Violation('I8', `${crash.handover}: nobody took over`);
  return count;
}

function isOver(site: Site): boolean {
  const t = site.topology();
  return t?.phase === 'stable' && t.writer === B && site.room.server(B).writable;
}

function begin(site: Site, handover: Crash['handover']): void {
  site.tell(handover);
  if (handover === 'switchover') site.ask({ verb: 'switchover', to: B });
  else if (handover === 'server dies') site.room.crash(A, 3000);
  else {
    for (const other of ['B', R, 'M1']) {
      site.network.cut('A', other, HANDOVER_MS);
      site.network.cut(other, 'A', HANDOVER_MS);
    }
  }
}

function dieAt(site: Site, daemon: Process, call: number, when: Crash['when']): void {
  site.hook = (who, what, now) => {
    if (who !== daemon || now !== when || who.calls < call) return;
    site.hook = () => undefined;
    site.tell(`${daemon.name} is killed ${when} ${what}`);
    daemon.kill();
    site.engine.at(AWAY_MS, daemon.start);
  };
}

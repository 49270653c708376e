/** The loops of mmm-agent, whatever it is connected to. */
import type { Clock, Hub, Log } from '../ports.ts';
import type { Agent } from './agent.ts';
import { type Loop, startLoop } from './loop.ts';
import type { Mailer } from './mailer.ts';
import { createTrouble } from './trouble.ts';

/** How often to look for clusters and members that are new. */
const DISCOVER_MS = 1000;
/** Until the first one is found. */
const SEARCH_MS = 200;

/**
 * Runs until `signal` aborts: looks for members, keeps each in a loop of its own, and holds the leases of those on this
 * machine. A clean end never opens or closes a server.
 */
export async function serve(
  agent: Agent,
  world: {
    readonly hub: Hub;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly log: Log;
    /** null: nobody gets mail. */
    readonly mailer: Mailer | null;
    /** Called when every member was kept once. */
    readonly ready: () => void;
  },
): Promise<void> {
  const { hub, clock, signal, log, mailer } = world;
  const keepers = new Map<string, Loop>();
  const watched = new Set<string>();
  const kept = new Set<string>();
  const trouble = createTrouble(log);

  const discover = async (): Promise<void> => {
    const members = await agent.members();
    for (const { uniqsign, address } of members) {
      const key = `${uniqsign} ${address}`;
      if (!keepers.has(key)) keepers.set(key, keep(uniqsign, address));
      mailer?.follow(uniqsign);
      if (watched.has(uniqsign)) continue;
      watched.add(uniqsign);
      await hub.watch(
        [uniqsign],
        (sign, hint) => (hint === 'topology' || hint === 'reconnected') && wake(sign),
        signal,
      );
    }
    trouble.over();
    if (members.every(({ uniqsign, address }) => kept.has(`${uniqsign} ${address}`))) world.ready();
  };

  const keep = (uniqsign: string, address: string): Loop => {
    const own = createTrouble(log.child({ uniqsign, member: address }));
    let everyMs = DISCOVER_MS;
    const step = async (): Promise<void> => {
      everyMs = await agent.keep(uniqsign, address);
      own.over();
      kept.add(`${uniqsign} ${address}`);
    };
    return startLoop({ clock, everyMs: () => everyMs, step, onError: own.report, signal });
  };

  const wake = (uniqsign: string): void => {
    for (const [key, loop] of keepers) if (key.startsWith(`${uniqsign} `)) loop.wake();
    mailer?.wake();
  };

  const leases = agent.leases.map((lease) =>
    lease.run(signal, () => {
      for (const [key, loop] of keepers) if (key.endsWith(` ${lease.address}`)) loop.wake();
    }),
  );
  const everyMs = (): number => (keepers.size === 0 ? SEARCH_MS : DISCOVER_MS);
  const discovery = startLoop({ clock, everyMs, step: discover, onError: trouble.report, signal });
  await discovery.done;
  await Promise.all([...[...keepers.values()].map((loop) => loop.done), ...leases]);
}

/** Trouble that is more than chance: the ways in which two writers, or none, could come about. */
import { R } from './hub-port.ts';
import { short } from './ledger.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { A, B } from './setup.ts';
import type { Site } from './site.ts';

/** What faults are made of. `untilMs`: nothing goes on longer. */
export interface Tools {
  readonly site: Site;
  readonly random: Random;
  cut(one: string, other: string, ms: number): void;
  isolate(host: string, ms: number): void;
  kill(process: Process, ms: number): void;
  freeze(process: Process, ms: number): void;
  /** At the next call of this kind. */
  freezeAt(pattern: RegExp, ms: number): void;
  /** As soon as the topology is in this phase. */
  when(phase: string, act: () => void): void;
}

/** What takes part in a plot. */
interface Cast {
  readonly writer: string;
  readonly standby: string;
  /** Of the writer. */
  readonly agent: Process | undefined;
  readonly deciders: readonly string[];
}

type Plot = (tools: Tools, cast: Cast) => void;

const LONG_MS = 20_000;

/** Nothing but Redis has any trouble: no server may be closed, nor anybody fail over. */
const redisPlots: readonly Plot[] = [
  ({ site, random }) => site.redis.pause(random.between(2000, 15_000)),
  ({ site }) => site.redis.empty(),
  ({ site, random }) => {
    const snapshot = site.redis.snapshot();
    if (random.chance(0.5)) site.ask({ verb: 'switchover' });
    site.engine.at(random.between(4000, 9000), () => site.redis.restore(snapshot));
  },
  ({ site, random }) => site.redis.step(random.between(-3_600_000, 3_600_000)),
];

const serverPlots: readonly Plot[] = [
  // The end of what the writer has committed is lost, and comes back with it.
  ({ site, random }, { writer, standby }) => {
    site.room.lag(standby, 3000);
    site.engine.at(random.between(500, 2500), () => site.room.crash(writer, random.between(500, 9000)));
  },
  ({ site, random }, { standby }) => {
    site.room.lag(standby, random.between(200, 1500));
    site.ask({ verb: 'switchover', to: standby });
  },
  ({ site, random }, { writer }) => {
    site.ask({ verb: 'switchover' });
    site.engine.at(random.between(0, 400), () => site.room.crash(writer, random.between(100, 4000)));
  },
];

const plots: readonly Plot[] = [
  // The agent is gone, and with it whoever would close the server that is cut off then.
  ({ site, random, kill, freeze, isolate }, { writer, agent }) => {
    if (agent === undefined) return;
    if (random.chance(0.5)) kill(agent, LONG_MS + 5000);
    else freeze(agent, LONG_MS + 5000);
    site.engine.at(random.between(0, 1500), () => isolate(short(writer), LONG_MS));
  },
  ({ site, random, isolate }, { writer, agent }) => {
    site.tell(`${agent?.name} is stopped`);
    agent?.stop();
    site.engine.at(random.between(2600, 4000), () => isolate(short(writer), LONG_MS));
  },
  ({ site, random, kill, isolate }, { writer, agent }) => {
    isolate(short(writer), LONG_MS);
    site.engine.at(random.between(0, 2500), () => {
      if (agent !== undefined) kill(agent, random.between(100, 900));
    });
  },
  // The order to open comes when it is not true any more.
  ({ site, random, freezeAt }) => {
    freezeAt(/ open now$/, random.between(10_000, LONG_MS));
    site.ask({ verb: 'switchover' });
  },
  ({ random, freezeAt, isolate }, { writer }) => {
    freezeAt(/ open now$/, random.between(1000, LONG_MS));
    isolate(short(writer), random.between(5000, LONG_MS));
  },
  ({ site, random, freezeAt, isolate }, { writer, standby }) => {
    isolate(short(writer), LONG_MS);
    site.engine.at(random.between(500, 8000), () => site.room.server(standby).killLockSession());
    freezeAt(/ open now$/, random.between(500, 4000));
  },
  ({ site, random, freezeAt }, { standby }) => {
    freezeAt(/ open now$/, random.between(3000, LONG_MS));
    site.ask({ verb: 'switchover', to: standby });
    site.engine.at(random.between(100, 3000), () => site.room.server(standby).killLockSession());
  },
  // Only the peer can still give it a term.
  ({ cut }, { writer, deciders }) => {
    for (const other of [R, ...deciders]) cut(short(writer), other, LONG_MS);
  },
  // The clock of Redis jumps while the end of a lease is waited for.
  ({ site, random, when, isolate }, { writer }) => {
    isolate(short(writer), LONG_MS);
    when('closing', () => site.redis.step(random.between(10_000, 3_600_000)));
  },
  // Redis forgets what was decided just then.
  ({ site, random, when }) => {
    site.ask({ verb: 'switchover' });
    when(random.pick(['closing', 'opening']), () => {
      const snapshot = site.redis.snapshot();
      site.engine.at(random.between(200, 9000), () => site.redis.restore(snapshot));
    });
  },
  ({ site, random, when, isolate }, { writer }) => {
    when('opening', () => {
      const snapshot = site.redis.snapshot();
      site.engine.at(random.between(3000, 9000), () => {
        site.redis.restore(snapshot);
        isolate(short(random.pick([A, B])), random.between(3000, 9000));
      });
    });
    isolate(short(writer), random.between(5000, 12_000));
  },
  ({ site, random, when }) => {
    site.ask({ verb: 'switchover' });
    when(random.pick(['closing', 'opening']), () => {
      site.engine.at(random.between(0, 300), () => site.redis.empty());
    });
  },
  // Two decide at once.
  ({ site, random, freezeAt }) => {
    freezeAt(/hub.commit/, random.between(2000, 7000));
    site.ask({ verb: 'switchover' });
    site.engine.at(2500, () => site.ask({ verb: 'switchover' }));
  },
  // It goes on just when it is given up.
  ({ site, random }, { writer }) => {
    site.room.freeze(writer, site.setup.policy.freezeMs + random.between(0, 1500));
  },
  // A frozen server, and nobody who sees to it.
  ({ site, random, freeze }, { writer, agent }) => {
    site.room.freeze(writer, random.between(1000, 4000));
    if (agent !== undefined && random.chance(0.5)) freeze(agent, random.between(500, 3000));
  },
];

/** One of those that the set-up allows. */
export function startPlot(tools: Tools): void {
  const { site, random } = tools;
  const { faults, agents } = site.setup;
  const writer = site.topology()?.writer ?? A;
  const agent = site.processes.get(agents === 'central' ? 'agent' : `agent${short(writer)}`);
  const deciders = site.hosts.filter((host) => host.startsWith('M'));
  const cast = { writer, standby: writer === A ? B : A, agent, deciders };
  const all = [
    ...redisPlots,
    ...(faults === 'daemons' ? [] : serverPlots),
    ...(faults === 'all' ? plots : []),
  ];
  const number = Math.floor(random.next() * all.length);
  site.tell(`plot ${number}`);
  if (number < redisPlots.length) site.isRough = false;
  all[number]?.(tools, cast);
}

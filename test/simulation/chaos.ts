/** Trouble drawn from the seed, one fault after the other, until a given moment; by then all of it is over. */
import { R } from './hub-port.ts';
import { short } from './ledger.ts';
import { startPlot } from './plots.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { A, B } from './setup.ts';
import type { Site } from './site.ts';

type Fault = (ms: number) => void;

/** In so many seeds trouble begins with a plot, and goes on by chance. */
const PLOTTED = 0.6;
const PLOT_MS = 15_000;

/** `untilMs`: nothing goes on longer. */
export function startChaos(site: Site, random: Random, untilMs: number): void {
  const { engine, network, room, redis, processes, setup, tell } = site;
  const faults = weigh();
  const total = faults.reduce((sum, [weight]) => sum + weight, 0);
  const boundMs = (ms: number): number => Math.max(0, Math.min(ms, untilMs - engine.now()));
  const isPlotted = random.chance(PLOTTED);
  if (isPlotted)
    startPlot({ site, random, cut: cutBoth, isolate, kill: restartAfter, freeze, freezeAt, when });
  engine.at(isPlotted ? PLOT_MS : 0, next);

  function next(): void {
    const leftMs = untilMs - engine.now();
    if (leftMs < 600) return;
    let dice = random.next() * total;
    const fault = faults.find(([weight]) => {
      dice -= weight;
      return dice < 0;
    });
    fault?.[1](boundMs(random.chance(0.3) ? random.between(8000, 45_000) : random.between(300, 8000)));
    engine.at(random.between(300, 7000), next);
  }

  function cutBoth(one: string, other: string, ms: number): void {
    tell(`cut between ${one} and ${other} for ${Math.round(ms)} ms`);
    network.cut(one, other, boundMs(ms));
    network.cut(other, one, boundMs(ms));
  }

  function isolate(host: string, ms: number): void {
    for (const other of site.hosts) if (other !== host) cutBoth(host, other, ms);
  }

  function when(phase: string, act: () => void): void {
    const before = site.hook;
    site.hook = (who, what, now) => {
      before(who, what, now);
      if (site.topology()?.phase !== phase) return;
      site.hook = before;
      act();
    };
  }

  function createFaults(): Record<string, Fault> {
    const member = (): string => (random.chance(0.6) ? (site.topology()?.writer ?? A) : random.pick([A, B]));
    const process = (): Process => random.pick([...processes.values()] as [Process, ...Process[]]);
    const agents = (): Process =>
      random.pick([...processes.values()].filter((one) => one.name.startsWith('agent')) as [Process]);
    return {
      cut(ms) {
        cutBoth(random.pick(site.hosts as [string]), random.pick(site.hosts as [string]), ms);
      },
      cutOneWay(ms) {
        const [one, other] = [random.pick(site.hosts as [string]), random.pick(site.hosts as [string])];
        tell(`cut from ${one} to ${other} for ${Math.round(ms)} ms`);
        network.cut(one, other, ms);
      },
      isolate(ms) {
        isolate(random.pick(site.hosts as [string]), ms);
      },
      cutFromPeerAndRedis(ms) {
        const address = member();
        cutBoth(short(address), R, ms);
        cutBoth('A', 'B', ms);
      },
      cutFromRedis(ms) {
        cutBoth(short(member()), R, ms);
      },
      power(ms) {
        const address = member();
        tell(`host ${short(address)} loses its power for ${Math.round(ms)} ms`);
        for (const one of processes.values()) if (one.host === short(address)) restartAfter(one, ms);
        isolate(short(address), ms);
        room.crash(address, ms);
      },
      killProcess(ms) {
        restartAfter(process(), ms);
      },
      killAgent(ms) {
        restartAfter(agents(), ms);
      },
      killBetweenCalls(ms) {
        dieAtCall(process(), Math.floor(random.between(1, 40)), ms);
      },
      killAgentBetweenCalls(ms) {
        dieAtCall(agents(), Math.floor(random.between(1, 60)), ms);
      },
      stopProcess(ms) {
        const one = process();
        tell(`${one.name} is stopped`);
        one.stop();
        engine.at(Math.max(ms, 2600), one.start);
      },
      freezeProcess(ms) {
        freeze(process(), ms);
      },
      freezeAgent(ms) {
        freeze(agents(), ms);
      },
      freezeBeforeOpening(ms) {
        freezeAt(/ open now$/, ms);
      },
      freezeAtAnyCall(ms) {
        freezeAt(random.pick([/ arm$/, / lock$/, / keep$/, /renewLease/, /commit/, / close$/, /spend/]), ms);
      },
      crashServer(ms) {
        room.crash(member(), Math.min(ms, random.between(100, 8000)));
      },
      resetConnections() {
        const address = member();
        tell(`the connections to server ${short(address)} break off`);
        room.reset(address);
      },
      freezeServer(ms) {
        const address = member();
        tell(`server ${short(address)} stands still for ${Math.round(ms)} ms`);
        room.freeze(address, Math.min(ms, 20_000));
      },
      lag(ms) {
        const address = member();
        tell(`replication to ${short(address)} lags for ${Math.round(ms)} ms`);
        room.lag(address, ms);
      },
      loseLock() {
        const address = random.pick([A, B]);
        const server = room.server(address);
        if (!server.isLockHeld) return;
        const how = random.pick(['killed', 'answers', 'both'] as const);
        tell(`the lock session on ${short(address)} is lost (${how})`);
        if (how === 'killed') server.killLockSession();
        else server.breakLockSession(how);
      },
      redisDown(ms) {
        tell(`Redis is away for ${Math.round(ms)} ms`);
        redis.pause(ms);
      },
      redisEmpty() {
        tell('Redis comes back empty');
        redis.empty();
      },
      redisOlder(ms) {
        const snapshot = redis.snapshot();
        engine.at(Math.min(ms, 8000), () => {
          tell(`Redis comes back as it was ${Math.round(Math.min(ms, 8000))} ms ago`);
          redis.restore(snapshot);
        });
      },
      redisClock() {
        const ms = random.between(-3_600_000, 3_600_000);
        tell(`the clock of Redis jumps by ${Math.round(ms / 1000)} s`);
        redis.step(ms);
      },
      switchover() {
        site.ask({ verb: 'switchover', to: random.pick([A, B, null]) });
      },
      pause(ms) {
        site.ask({ verb: 'pause' });
        engine.at(ms, () => site.ask({ verb: 'resume' }));
      },
    };
  }

  function restartAfter(one: Process, ms: number): void {
    tell(`${one.name} is killed`);
    one.kill();
    engine.at(boundMs(ms), one.start);
  }

  function freeze(one: Process, ms: number): void {
    tell(`${one.name} stands still for ${Math.round(ms)} ms`);
    one.freeze(boundMs(ms));
  }

  function dieAtCall(one: Process, inCalls: number, ms: number): void {
    const at = one.calls + inCalls;
    const when = random.pick(['before', 'after'] as const);
    const before = site.hook;
    site.hook = (who, what, now) => {
      before(who, what, now);
      if (who !== one || now !== when || who.calls < at) return;
      site.hook = before;
      tell(`${one.name} is killed ${when} ${what}`);
      one.kill();
      engine.at(ms, one.start);
    };
  }

  function freezeAt(pattern: RegExp, ms: number): void {
    const before = site.hook;
    site.hook = (who, what, now) => {
      before(who, what, now);
      if (now !== 'before' || !pattern.test(what)) return;
      site.hook = before;
      freeze(who, ms);
      tell(`(just before ${what})`);
    };
  }

  function weigh(): [number, Fault][] {
    const all = createFaults();
    const daemons = ['killProcess', 'killAgent', 'killBetweenCalls', 'killAgentBetweenCalls', 'stopProcess'];
    const weights: Record<string, number> = {
      redisDown: 4,
      redisEmpty: 3,
      redisOlder: 3,
      redisClock: 1,
      switchover: 8,
      resetConnections: 2,
      pause: 1,
      lag: 2,
      ...Object.fromEntries(daemons.map((name) => [name, 3])),
      ...(setup.faults !== 'daemons' && { crashServer: 8, power: 3, freezeServer: 5, freezeProcess: 2 }),
      ...(setup.faults === 'all' && {
        cut: 8,
        cutOneWay: 5,
        isolate: 5,
        cutFromPeerAndRedis: 5,
        cutFromRedis: 3,
        freezeAgent: 6,
        freezeBeforeOpening: 3,
        freezeAtAnyCall: 4,
        loseLock: 4,
      }),
    };
    return Object.entries(weights).flatMap(([name, weight]) => {
      const fault = all[name];
      return fault === undefined ? [] : [[weight, fault] as [number, Fault]];
    });
  }
}

/** Everything is mended, everybody runs. */
export function makePeace(site: Site): void {
  site.tell('PEACE');
  site.hook = () => undefined;
  site.isRough = false;
  site.network.heal();
  site.room.heal();
  for (const one of site.processes.values()) {
    one.thaw();
    one.start();
  }
  site.ask({ verb: 'resume' });
}

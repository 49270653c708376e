import { endpoint } from '../core/address.ts';
import { RouteError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import { canonicalIp, type Resolver } from './resolve.ts';
import { createRuntimeSocket } from './socket.ts';
import { parsePid, parseServers, type RuntimeServer, remarks, SHOW } from './state.ts';

/** How the server lines of one cluster shall stand. */
interface Plan {
  /** Members whose server lines are ours to set. */
  readonly members: readonly string[];
  /** The only one that may take clients; null: nobody may. */
  readonly writer: string | null;
  /** Only server lines of this backend; null: of all. */
  readonly backend: string | null;
}

export interface Routed {
  /**
   * `done`: every server line is proven to stand as planned, and no session is left but on the writer.
   * `nobody`: no haproxy behind the socket. `lacking`: the others are cut, but the writer has no server line.
   */
  readonly state: 'done' | 'nobody' | 'lacking';
  /** Members with a server line in the running haproxy. */
  readonly found: readonly string[];
  /** Whether anything had to be set. */
  readonly changed: boolean;
  /** haproxy's own check says that the writer is down. */
  readonly down: boolean;
  /** Process id of the worker that answered last, also when nobody does now. */
  readonly pid: string | null;
}

/** Steers one running haproxy through its runtime socket. Methods reject with RouteError. */
export interface Router {
  readonly socket: string;
  /**
   * Brings the running haproxy to the plan and reads back that it is there, within 2 s. `fresh` is a new
   * decision: commands go out before looking, and a writer that haproxy holds for down is lifted once.
   */
  route(plan: Plan, how: { readonly fresh: boolean; readonly signal: AbortSignal }): Promise<Routed>;
  /** Process id of the worker that answers; null when nobody does. */
  pid(): Promise<string | null>;
}

const WITHIN_MS = 2_000;
const KILL_AGAIN_MS = 50;
const LOOK_AGAIN_MS = 3;

type Mine = RuntimeServer & { readonly member: string };

/** The server lines of members: those ours to set, and those in backends that are not. */
interface Picked {
  readonly mine: readonly Mine[];
  readonly others: readonly Mine[];
}

export function createRouter(options: {
  readonly socket: string;
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly timeoutMs: number;
}): Router {
  const socket = createRuntimeSocket(options.socket, options.timeoutMs);
  const seen = new Map<string, readonly Mine[]>();
  let lastPid: string | null = null;

  async function look(
    plan: Plan,
    commands: readonly string[],
  ): Promise<(Picked & { said: string; pid: string | null }) | null> {
    const answer = await socket.ask([...commands, SHOW].join('; '));
    if (answer === null) return null;
    const servers = parseServers(answer);
    const said = remarks(answer);
    if (servers === null || /permission denied/i.test(said)) {
      throw new RouteError(
        `haproxy at ${options.socket} does not obey (${said || 'no answer'}): its stats socket needs "level admin"`,
      );
    }
    const picked = await pick(servers, plan, options.resolver, options.socket);
    return { ...picked, said, pid: parsePid(answer) };
  }

  return {
    socket: options.socket,
    async route(plan, { fresh, signal }) {
      const key = JSON.stringify([plan.members, plan.backend]);
      const until = options.clock.now() + WITHIN_MS;
      let commands = fresh ? (seen.get(key) ?? []).flatMap((server) => blindly(server, plan)) : [];
      let killedAt = commands.length > 0 ? options.clock.now() : Number.NEGATIVE_INFINITY;
      let changed = false;
      for (;;) {
        if (signal.aborted) throw new RouteError(`newer news came for haproxy at ${options.socket}`);
        const state = await look(plan, sorted(commands));
        if (state === null) return { state: 'nobody', found: [], changed, down: false, pid: lastPid };
        seen.set(key, state.mine);
        lastPid = state.pid;
        const wrong = state.mine.filter((server) => !stands(server, plan, fresh));
        if (wrong.length === 0) {
          refuseLeak(options.socket, state.others, plan);
          return { ...outcome(state.mine, plan), changed, pid: lastPid };
        }
        if (options.clock.now() > until) throw unfinished(options.socket, wrong, plan, state.said);
        const killDue = options.clock.now() - killedAt >= KILL_AGAIN_MS;
        const next = wrong.flatMap((server) => wantedCommands(server, plan, killDue));
        if (next.some(isKill)) killedAt = options.clock.now();
        // Asked for already: give haproxy a moment before asking or looking again.
        if (next.every((command) => commands.includes(command))) {
          await options.clock.sleep(LOOK_AGAIN_MS, signal);
        }
        changed ||= next.length > 0;
        commands = next;
      }
    },
    async pid() {
      const answer = await socket.ask('show info');
      return answer === null ? null : parsePid(answer);
    },
  };
}

/** What brings a server to the plan, whatever its state: saves the look before. */
function blindly(server: Mine, plan: Plan): string[] {
  const name = `${server.backend}/${server.name}`;
  if (server.member === plan.writer) return [`set server ${name} state ready`];
  return [`set server ${name} state maint`, `shutdown sessions server ${name}`];
}

function wantedCommands(server: Mine, plan: Plan, killDue: boolean): string[] {
  const name = `${server.backend}/${server.name}`;
  if (server.member === plan.writer) {
    return server.maint || server.drain
      ? [`set server ${name} state ready`]
      : [`set server ${name} health up`];
  }
  const commands = server.maint ? [] : [`set server ${name} state maint`];
  return server.sessions > 0 && (killDue || !server.maint)
    ? [...commands, `shutdown sessions server ${name}`]
    : commands;
}

/** Closing comes before opening, also within one line. */
function sorted(commands: readonly string[]): string[] {
  const opens = (command: string) => / (?:ready|up)$/.test(command);
  return [...commands.filter((one) => !opens(one)), ...commands.filter(opens)];
}

function isKill(command: string): boolean {
  return command.startsWith('shutdown ');
}

function stands(server: Mine, plan: Plan, fresh: boolean): boolean {
  if (server.member !== plan.writer) return server.maint && server.sessions === 0;
  return !server.maint && !server.drain && (!fresh || isUp(server));
}

function isUp(server: RuntimeServer): boolean {
  return server.operation === 1 || server.operation === 2;
}

function outcome(mine: readonly Mine[], plan: Plan): Pick<Routed, 'state' | 'found' | 'down'> {
  const found = [...new Set(mine.map((server) => server.member))];
  const writers = mine.filter((server) => server.member === plan.writer);
  const backends = new Set(mine.map((server) => server.backend));
  const served = new Set(writers.map((server) => server.backend));
  const lacking = plan.writer !== null && (served.size === 0 || served.size < backends.size);
  return { state: lacking ? 'lacking' : 'done', found, down: !writers.every(isUp) };
}

/** The servers that are members, found by address; throws where it cannot tell. */
async function pick(
  servers: readonly RuntimeServer[],
  plan: Plan,
  resolver: Resolver,
  at: string,
): Promise<Picked> {
  const all: Mine[] = [];
  for (const member of plan.members) {
    const { host, port } = endpoint(member);
    const there = servers.filter((server) => server.port === String(port));
    const byName = there.filter((server) => server.fqdn === host);
    // haproxy may hold the address where we hold the name, so both count.
    const ips = await resolver.ips(host);
    if (ips.length === 0 && byName.length === 0 && there.length > 0) {
      throw new RouteError(
        `${host} cannot be resolved, so its server line in haproxy at ${at} cannot be told`,
      );
    }
    const byIp = there.filter((server) => !byName.includes(server) && ips.includes(canonicalIp(server.ip)));
    all.push(...[...byName, ...byIp].map((server) => ({ ...server, member })));
  }
  const isMine = (server: Mine) => plan.backend === null || server.backend === plan.backend;
  const mine = all.filter(isMine);
  if (mine.length === 0 && all.length > 0) {
    throw new RouteError(
      `haproxy at ${at} has no member in backend ${plan.backend}, but in ${all[0]?.backend}: correct backend=`,
    );
  }
  return { mine, others: all.filter((server) => !isMine(server)) };
}

/** Nobody is cut off from a member that another backend still leads to. */
function refuseLeak(at: string, others: readonly Mine[], plan: Plan): void {
  if (plan.writer !== null) return;
  const leaks = others.filter((server) => !server.maint || server.sessions > 0);
  if (leaks.length === 0) return;
  const list = leaks.map((server) => `${server.backend}/${server.name}`).join(', ');
  throw new RouteError(
    `haproxy at ${at} still leads to members by ${list}, which backend=${plan.backend} leaves out: remove backend= so that all are cut, or take these server lines out`,
  );
}

function unfinished(at: string, wrong: readonly Mine[], plan: Plan, said: string): RouteError {
  const list = wrong.map((server) => {
    const name = `${server.backend}/${server.name}`;
    if (server.member === plan.writer) return `${name} is not up`;
    return server.maint ? `${name} still has ${server.sessions} sessions` : `${name} is not in maintenance`;
  });
  return new RouteError(`haproxy at ${at}: ${list.join(', ')}${said === '' ? '' : ` (it said: ${said})`}`);
}

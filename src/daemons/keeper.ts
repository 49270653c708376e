/**
 * Keeps one member as the topology wants it: look, plan, do the next step, look again, report.
 * Nothing it knows is needed to go on after a crash but the generation at which it last opened the server.
 */
import type { History, Look, MemberReport, Topology } from '../core/model.ts';
import { plan, type Step } from '../core/plan.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Log, Memory, Server } from '../ports.ts';
import { createAccountKeeper } from './accounts.ts';
import { type Promotion, promote } from './promote.ts';

export interface Keeper {
  /** Brings the member in line with `t` as far as it goes now; resolves with what to report. */
  step(t: Topology): Promise<MemberReport>;
}

/** Bounds one pass: each turn does one step. */
const MOST_STEPS = 8;
const LOOK_MS = 1000;

export function createKeeper(options: {
  readonly address: string;
  readonly server: Server;
  readonly clock: Clock;
  readonly memory: Memory;
  readonly log: Log;
  /** Looks in a row that may fail before it is worth a warning. */
  readonly attempts: number;
  /** What the configuration says; null: watch how the server starts. */
  readonly startsClosed: boolean | null;
  /** The newest looks at the other members. */
  readonly peers: () => ReadonlyMap<string, Look>;
  readonly promotion: Promotion;
  /** Whether accounts are locked on closed members (`block_user`). */
  readonly blocks: boolean;
}): Keeper {
  const { address, server, clock, memory, log } = options;
  const accounts = createAccountKeeper({ address, server, log, enabled: options.blocks });
  const lastHeld = new Map<string, History>();
  let last: MemberReport | null = null;
  let startsClosed = options.startsClosed;
  let goneSinceMs: number | null = null;
  let failures = 0;
  let uptimeSeconds = 0;

  async function step(t: Topology): Promise<MemberReport> {
    const startedMs = clock.now();
    for (const [other, look] of options.peers()) lastHeld.set(other, look.history);
    for (let turn = 0; turn < MOST_STEPS; turn += 1) {
      const look = await lookAt();
      if (!('flavour' in look)) return remember(t, 'unreachable', look.reason, null, startedMs);
      const next = plan(t, address, look, {
        last,
        spent: memory.spent(t.uniqsign, address),
        peers: options.peers(),
      });
      if (next.do === 'report') {
        await accounts.steadily(t, look);
        return remember(t, next.did, next.detail, look, startedMs);
      }
      const done = await carryOut(t, next, look, startedMs);
      if (done !== null) return done;
    }
    return remember(t, 'watching', 'still busy', null, startedMs);
  }

  /** What the others held when they were last seen. */
  function known(): readonly History[] {
    return [...lastHeld].flatMap(([other, history]) => (other === address ? [] : [history]));
  }

  async function lookAt(): Promise<Look | { readonly reason: string }> {
    try {
      const look = await server.look(LOOK_MS, known());
      watchStart(look);
      goneSinceMs = null;
      failures = 0;
      return look;
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      if (error.trouble !== 'faulty') goneSinceMs ??= clock.now();
      failures += 1;
      if (failures === options.attempts) {
        log.warn(
          { member: address, attempts: failures, reason: error.message },
          'member cannot be reached, trying on',
        );
      }
      return { reason: error.message };
    }
  }

  /** A server that we saw gone and that is younger than its absence shows how it starts: nobody set it yet. */
  function watchStart(look: Look): void {
    const isRestarted = look.uptimeSeconds < uptimeSeconds;
    uptimeSeconds = look.uptimeSeconds;
    if (options.startsClosed !== null || goneSinceMs === null || !isRestarted) return;
    if (look.uptimeSeconds * 1000 <= clock.now() - goneSinceMs) startsClosed = look.readOnly;
  }

  async function carryOut(
    t: Topology,
    next: Step,
    look: Look,
    startedMs: number,
  ): Promise<MemberReport | null> {
    log.info({ member: address, generation: t.generation, phase: t.phase, step: next }, 'acting');
    try {
      switch (next.do) {
        case 'close':
          return await close(t, next, look, startedMs);
        case 'promote':
          return await open(t, look, startedMs);
        case 'stop-link':
          await server.stopLink(next.from);
          return null;
        case 'start-link':
          await server.startLink(next.from);
          return null;
        default:
          return null;
      }
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      log.warn(
        { member: address, generation: t.generation, step: next.do, reason: error.message },
        'step failed',
      );
      return remember(t, failureOf(next), error.message, null, startedMs);
    }
  }

  // The proof and the read-back are looks in themselves: clients wait, so the server is not asked again.
  async function close(
    t: Topology,
    how: Extract<Step, { do: 'close' }>,
    look: Look,
    startedMs: number,
  ): Promise<MemberReport> {
    await accounts.beforeClosing(t, how.withinMs);
    const withinMs = how.withinMs - (clock.now() - startedMs);
    const { closed, detail, history } = await server.close({ ...how, withinMs, known: known() });
    if (!closed || history === null) return remember(t, 'close-failed', detail, look, startedMs);
    return remember(t, 'closed', '', { ...look, readOnly: true, clients: 0, history }, startedMs);
  }

  async function open(t: Topology, look: Look, startedMs: number): Promise<MemberReport> {
    const result = await promote({ ...options.promotion, server, clock, memory, topology: t, look });
    if ('refusal' in result) return remember(t, 'open-failed', result.refusal, look, startedMs);
    await accounts.afterOpening(t);
    return remember(t, 'opened', '', { ...result.opened, readOnly: false }, startedMs);
  }

  function remember(
    t: Topology,
    did: MemberReport['did'],
    detail: string,
    look: Look | null,
    startedMs: number,
  ): MemberReport {
    const isNews = last?.did !== did || last.generation !== t.generation;
    if (isNews) {
      const fields = {
        member: address,
        generation: t.generation,
        did,
        detail,
        tookMs: Math.round(clock.now() - startedMs),
      };
      if (did.endsWith('failed')) log.warn(fields, 'member is not as it should be');
      else log.info(fields, 'member was brought in line');
    }
    const tookMs = isNews ? clock.now() - startedMs : (last?.tookMs ?? 0);
    const { trouble } = accounts;
    last = {
      generation: t.generation,
      step: t.step,
      did,
      detail,
      look,
      startsClosed,
      tookMs,
      accounts: trouble,
    };
    return last;
  }

  return { step };
}

function failureOf(step: Step): MemberReport['did'] {
  // Lost in the middle of it: it may be closed, open or dead, and will be looked at again.
  if (step.do === 'close') return 'unreachable';
  return step.do === 'promote' ? 'open-failed' : 'watching';
}

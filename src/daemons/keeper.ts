/**
 * Keeps one member as the topology wants it: look, plan, do the next step, look again, report.
 * Nothing it knows is needed to go on after a crash but the generation at which it last opened the server.
 */
import type { History, Look, MemberReport, Topology } from '../core/model.ts';
import { plan, type Step } from '../core/plan.ts';
import { ServerError } from '../errors.ts';
import type { Clock, Log, Memory, Server } from '../ports.ts';
import { createAccountKeeper } from './accounts.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LockHolder } from './lock-holder.ts';
import { createMemberLooker } from './member-looker.ts';
import { type Promotion, promote } from './promote.ts';

export interface Keeper {
  /** Brings the member in line with `t` as far as it goes now; resolves with what to report. */
  step(t: Topology): Promise<MemberReport>;
  /**
   * Without a topology to go by (`floor`: the highest generation seen): touches nothing, and says what is still true
   * of what was reported last. null: there is nothing to tell.
   */
  watch(floor: number): Promise<MemberReport | null>;
}

/** Bounds one pass: each turn does one step. */
const MOST_STEPS = 8;

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
  readonly promotion: Omit<Promotion, 'lock' | 'lease'>;
  readonly lock: LockHolder;
  /** Of this server; null: the agent is not on its machine. */
  readonly lease: LeaseKeeper | null;
  /** Who else looks after the member; null: nobody. */
  readonly leftTo: () => string | null;
  /** Whether accounts are locked on closed members (`block_user`). */
  readonly blocks: boolean;
}): Keeper {
  const { address, server, clock, memory, log, lock, lease } = options;
  const looker = createMemberLooker(options);
  const accounts = createAccountKeeper({ address, server, log, enabled: options.blocks });
  const lastHeld = new Map<string, History>();
  let last: MemberReport | null = null;
  /** The generation at which it could not be opened. */
  let failed = 0;

  async function step(t: Topology): Promise<MemberReport> {
    const startedMs = clock.now();
    for (const [other, look] of options.peers()) lastHeld.set(other, look.history);
    const helper = options.leftTo();
    for (let turn = 0; turn < MOST_STEPS; turn += 1) {
      const look = await looker.look(known());
      if (!('flavour' in look)) return absent(t, look.reason, startedMs);
      if (helper !== null) return remember(t, 'watching', `left to agent ${helper}`, look, startedMs);
      const next = plan(t, address, look, {
        last,
        spent: memory.spent(t.uniqsign, address),
        givenUp: Math.max(failed, lease?.givenUp() ?? 0),
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

  async function watch(floor: number): Promise<MemberReport | null> {
    const before = last ?? unreported(floor);
    if (before === null) return null;
    const look = await looker.look(known());
    const seen =
      'flavour' in look
        ? { look, did: stillDid(before, look, lease?.holds() ?? 0) }
        : { look: null, did: 'unreachable' as const };
    last = { ...before, ...seen, ...held() };
    return last;
  }

  /** Only the agent beside a server knows by itself what is true of it after a restart. */
  function unreported(floor: number): MemberReport | null {
    if (lease === null) return null;
    const said = { did: 'watching', detail: '', accounts: '', look: null, tookMs: 0 } as const;
    const { startsClosed } = lease;
    return { ...said, ...held(), generation: floor, step: 0, startsClosed: startsClosed(), local: true };
  }

  function held(): Pick<MemberReport, 'lockedMs' | 'termMs'> {
    return { lockedMs: lock.heldMs(), termMs: lease?.termMs() ?? 0 };
  }

  /** The process of a server that starts closed is gone: that proves more than silence. */
  function absent(t: Topology, reason: string, startedMs: number): MemberReport {
    const isOld = t.phase === 'closing' ? t.from === address : t.phase === 'stable' && t.writer === address;
    return remember(t, isOld && lease?.isGone() ? 'gone' : 'unreachable', reason, null, startedMs);
  }

  /** What the others held when they were last seen. */
  function known(): readonly History[] {
    return [...lastHeld].flatMap(([other, history]) => (other === address ? [] : [history]));
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
      if (next.do === 'promote') return openFailed(t, error.message, null, startedMs);
      // Lost in the middle of it: it may be closed, open or dead, and will be looked at again.
      return remember(t, next.do === 'close' ? 'unreachable' : 'watching', error.message, null, startedMs);
    }
  }

  function openFailed(t: Topology, why: string, look: Look | null, startedMs: number): MemberReport {
    failed = t.generation;
    return remember(t, 'open-failed', why, look, startedMs);
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
    await lock.settled();
    const result = await promote({
      ...options.promotion,
      ...{ lock, lease, server, clock, memory, topology: t, look },
    });
    if ('waitsFor' in result) return remember(t, 'opening', `waits: ${result.waitsFor}`, look, startedMs);
    if ('refusal' in result) return openFailed(t, result.refusal, look, startedMs);
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
      else if (did === 'opening') log.info(fields, 'member is to be opened, not yet');
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
      startsClosed: lease?.startsClosed() ?? looker.startsClosed(),
      tookMs,
      accounts: trouble,
      local: lease !== null,
      ...held(),
    };
    return last;
  }

  return { step, watch };
}

/** `held`: the generation of the lease on it; 0: none. */
function stillDid(before: MemberReport, look: Look, held: number): MemberReport['did'] {
  if (!look.readOnly) return before.did === 'opened' || held === before.generation ? 'opened' : 'watching';
  return before.did === 'opened' ? 'watching' : 'closed';
}

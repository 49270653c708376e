/**
 * Who can give the writer another term: Redis, and where Redis gives no answer (or knows nothing of this generation),
 * the other members' servers: all of them read-only, and none about to be opened.
 */
import { lockName } from '../core/lease.ts';
import { mastersOtherThan } from '../core/members.ts';
import type { Topology } from '../core/model.ts';
import { HubError, MmmError } from '../errors.ts';
import type { Clock, Grant, Hub, Renewal, ServerFactory } from '../ports.ts';

/** `askedMs`: before the question was sent. */
export type Answer = (Exclude<Grant, { says: 'unknown' }> | { readonly says: 'nothing' }) & {
  readonly askedMs: number;
  /** Redis itself said so, and has stored whether the dead-man is armed. */
  readonly byRedis: boolean;
};

export interface Grantors {
  /** `peersOf`: the topology that names the other members; null: they may not be asked. Never rejects. */
  ask(uniqsign: string, renewal: Renewal, peersOf: Topology | null, answerMs: number): Promise<Answer>;
}

export function createGrantors(options: {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly others: ServerFactory;
}): Grantors {
  const { hub, clock } = options;

  async function ask(
    uniqsign: string,
    renewal: Renewal,
    peersOf: Topology | null,
    answerMs: number,
  ): Promise<Answer> {
    const askedMs = clock.now();
    const grant = await askRedis(uniqsign, renewal);
    if (grant.says !== 'unknown') return { ...grant, askedMs, byRedis: true };
    const peersAskedMs = clock.now();
    const isGranted = peersOf !== null && (await askPeers(peersOf, renewal.member, answerMs));
    return { says: isGranted ? 'granted' : 'nothing', askedMs: peersAskedMs, byRedis: false };
  }

  async function askRedis(uniqsign: string, renewal: Renewal): Promise<Grant> {
    try {
      return await hub.renewLease(uniqsign, renewal);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      return { says: 'unknown' };
    }
  }

  async function askPeers(t: Topology, member: string, answerMs: number): Promise<boolean> {
    const peers = mastersOtherThan(t, member);
    const answers = await Promise.all(peers.map((peer) => isPassive(peer, lockName(t.uniqsign), answerMs)));
    return peers.length > 0 && answers.every((passive) => passive);
  }

  async function isPassive(peer: string, lock: string, answerMs: number): Promise<boolean> {
    try {
      const { readOnly, lockFree } = await options.others(peer).glance(lock, answerMs);
      return readOnly && lockFree;
    } catch (error) {
      if (!(error instanceof MmmError)) throw error;
      return false;
    }
  }

  return { ask };
}

/** In words. */
export function sayingOf(grant: Grant): string {
  switch (grant.says) {
    case 'granted':
      return 'granted';
    case 'lost':
      return `generation ${grant.generation} has overtaken it`;
    case 'foreign':
      return `agent ${grant.agent} holds it`;
    case 'unknown':
      return 'redis knows nothing of it';
  }
}

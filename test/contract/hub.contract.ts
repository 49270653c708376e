import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LegacyCheck, Topology } from '../../src/core/model.ts';
import { HubError } from '../../src/errors.ts';
import { announcement } from '../../src/hub/change.ts';
import { checkKey, clusterKey, reportKey } from '../../src/hub/keys.ts';
import type { ClusterState, Commit, Hint, Hub, LegacyKeys } from '../../src/ports.ts';
import {
  A,
  anAgentReport,
  anEvent,
  aRequest,
  aSidecarReport,
  aTopology,
  B,
  SIGN,
  someFacts,
} from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { hubLeaseContract } from './hub-lease.contract.ts';

/** A hub with the keys behind it in reach. */
export interface HubUnderTest extends AsyncDisposable {
  readonly hub: Hub;
  readonly raw: RawKeys;
  /** Texts published on a channel since the start. */
  messages(channel: string): readonly string[];
  restartEmpty(): Promise<void>;
  /** Redis is away; `comeBack` ends that, with the keys it had. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

export interface RawKeys {
  set(key: string, text: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  hset(key: string, field: string, value: string): Promise<unknown>;
  hgetall(key: string): Promise<Readonly<Record<string, string>>>;
  sadd(key: string, member: string): Promise<unknown>;
  /** Makes the key a list, which none of ours is. */
  spoil(key: string): Promise<unknown>;
  /** Seconds; -1 without expiry. */
  ttl(key: string): Promise<number>;
  publish(channel: string, text: string): Promise<unknown>;
}

const TOPIC = 'mmm-switch-channel';
const key = (name: Parameters<typeof clusterKey>[1]) => clusterKey(SIGN, name);

/** Every implementation of Hub behaves like this. */
export function hubContract(name: string, start: () => Promise<HubUnderTest>): void {
  describe(name, () => {
    let under: HubUnderTest;
    let hub: Hub;
    let raw: RawKeys;
    beforeEach(async () => {
      under = await start();
      ({ hub, raw } = under);
    });
    afterEach(async () => {
      await under[Symbol.asyncDispose]();
    });

    describe('the topology', () => {
      it('is absent at first, and nothing is complained about', async () => {
        const state = await hub.read(SIGN);
        expect(state).toMatchObject({ topology: null, topologyText: null, complaints: [], requests: [] });
        expect(state.topologyStored).toBe(false);
        expect(state.legacy).toEqual(noLegacy);
        expect(state.incarnation).not.toBe('');
        expect(await hub.readTopology(SIGN)).toBeNull();
        expect(await hub.clusters()).toEqual([]);
      });

      it('is written with the pair, the event, the answer and the message at once', async () => {
        await hub.putRequest(SIGN, aRequest(), 10_000);
        const next = aTopology({ writer: B, generation: 43, kind: 'switchover' });
        const answer = { v: 1, id: 'request1', ok: true, detail: 'done', generation: 43 } as const;
        const commit = aCommit(next, {
          takes: 'request1',
          answers: [answer],
          ...pairOf(B, A),
          events: [anEvent()],
        });
        expect(await hub.commit(commit)).toBe('committed');
        const state = await hub.read(SIGN);
        expect(state.topology).toEqual(next);
        expect(state.topologyText).toBe(await raw.get(key('topology')));
        expect(state.requests).toEqual([]);
        expect(await hub.readTopology(SIGN)).toEqual(next);
        expect(await raw.hgetall(key('mode'))).toEqual({ active: B, passive: A });
        expect(await raw.hgetall(key('master'))).toEqual({
          host: B,
          passive: A,
          generation: '43',
          phase: 'stable',
          since: '1763630000000',
        });
        expect(await hub.readAnswer(SIGN, 'request1')).toEqual(answer);
        expect(await hub.events(SIGN, 10)).toMatchObject([anEvent()]);
        expect(await hub.clusters()).toEqual([SIGN]);
      });

      it('is announced exactly once, to the byte', async () => {
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        await messagesAre([`active: ${A}, passive: ${B}, uniqsign: ${SIGN}`]);
        expect(announcement(A, B, SIGN)).toBe(`active: ${A}, passive: ${B}, uniqsign: ${SIGN}`);
        await hub.commit(await following(aTopology({ step: 1 }), { ...pairOf(A, B), announceOn: null }));
        await messagesAre([`active: ${A}, passive: ${B}, uniqsign: ${SIGN}`]);
      });

      it('changes nothing else when somebody else was first', async () => {
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        await hub.putRequest(SIGN, aRequest(), 10_000);
        const late = aCommit(aTopology({ generation: 43, writer: B }), {
          ...pairOf(B, A),
          takes: 'request1',
          events: [anEvent()],
          answers: [{ v: 1, id: 'request1', ok: true, detail: '', generation: 43 }],
        });
        expect(await hub.commit(late)).toBe('stale');
        expect(await hub.commit({ ...late, basedOn: '{"v":1}' })).toBe('stale');
        const state = await hub.read(SIGN);
        expect(state.topology).toEqual(aTopology());
        expect(state.requests).toEqual([aRequest()]);
        expect(state.legacy).toMatchObject({ active: A, masterHost: A, masterGeneration: '42' });
        expect(await hub.events(SIGN, 10)).toEqual([]);
        expect(await hub.readAnswer(SIGN, 'request1')).toBeNull();
        await messagesAre([announcement(A, B, SIGN)]);
      });

      it('lets exactly one of many writers through', async () => {
        const rivals = Array.from({ length: 8 }, (_, i) => aCommit(aTopology({ reason: `rival ${i}` })));
        const outcomes = await Promise.all(rivals.map((rival) => hub.commit(rival)));
        expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'stale')).toHaveLength(7);
      });

      it('leaves the legacy keys alone while nobody writes', async () => {
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        const before = [await raw.hgetall(key('mode')), await raw.hgetall(key('master'))];
        const closing = aTopology({ generation: 43, phase: 'closing', writer: null, from: A, to: B });
        expect(await hub.commit(await following(closing, pairOf(B, A)))).toBe('committed');
        expect([await raw.hgetall(key('mode')), await raw.hgetall(key('master'))]).toEqual(before);
        await messagesAre([announcement(A, B, SIGN)]);
      });

      it('replaces keys of a wrong type', async () => {
        const spoilt = ['topology', 'mode', 'master', 'requests', 'events'] as const;
        for (const name of spoilt) await raw.spoil(key(name));
        await raw.spoil('mysql-clusters');
        expect(await hub.clusters()).toEqual([]);
        expect(await hub.events(SIGN, 10)).toEqual([]);
        expect(await hub.withdraw(SIGN, 'request1')).toBe(false);
        const state = await hub.read(SIGN);
        expect(state).toMatchObject({ topology: null, topologyText: null, requests: [], legacy: noLegacy });
        expect(state.complaints.join()).toContain(`${key('topology')} has a wrong type`);
        expect(state.complaints.join()).toContain(`${key('requests')} has a wrong type`);
        expect(await hub.commit(aCommit(aTopology(), { ...pairOf(A, B), events: [anEvent()] }))).toBe(
          'committed',
        );
        expect((await hub.read(SIGN)).legacy).toMatchObject({ active: A, passive: B, masterHost: A });
        expect(await hub.events(SIGN, 10)).toHaveLength(1);
        expect(await hub.clusters()).toEqual([SIGN]);
      });

      it('keeps every character of its texts', async () => {
        const next = aTopology({ reason: 'größer "als" \\ 64\nкластер 😀' });
        await hub.commit(aCommit(next));
        expect((await hub.read(SIGN)).topology).toEqual(next);
        expect(await hub.commit(await following(aTopology({ step: 1 })))).toBe('committed');
      });

      it('is refused before it is written when nobody could read it', async () => {
        const list = 'x'.repeat(4000);
        const member = { address: B, role: 'standby', kind: 'master', state: 'diverged' } as const;
        const members = Array.from({ length: 20 }, () => ({ ...member, extra: { count: 1, list } }));
        await expect(hub.commit(aCommit(aTopology({ members })))).rejects.toThrow(HubError);
        expect((await hub.read(SIGN)).topologyText).toBeNull();
      });
    });

    hubLeaseContract(() => under);

    describe('hostile values', () => {
      it('in the topology are complained about, and can be replaced', async () => {
        const good = JSON.stringify(aTopology());
        const hostile: readonly string[] = [
          'garbage',
          '{"v":1}',
          good.replaceAll(SIGN, 'another'),
          good.replace('"v":1', '"v":9'),
          good.replace(A, `${A}\\n  server evil 6.6.6.6:3306`),
          good.replace('the only', 'x'.repeat(300_000)),
          good.replace('the only', 'pl\u00e4in \u0000'),
        ];
        for (const text of hostile) {
          await raw.set(key('topology'), text);
          const state = await hub.read(SIGN);
          expect(state.topology).toBeNull();
          expect(state.complaints).toHaveLength(1);
          expect(state.complaints[0]).toMatch(/^mysql-8d9a4b2924dc40baa792d742cb786345-topology [ -~]+$/);
          expect(await hub.readTopology(SIGN)).toBeNull();
          expect(await hub.commit(aCommit(aTopology(), { basedOn: state.topologyText }))).toBe('committed');
        }
      });

      it('in reports and requests are left out one by one', async () => {
        await hub.putFacts(someFacts());
        await hub.putAgentReport(SIGN, anAgentReport());
        await hub.putSidecarReport(SIGN, aSidecarReport());
        await hub.putRequest(SIGN, aRequest(), 10_000);
        for (const id of ['garbage', 'large', 'spoilt', 'liar', 'gone']) {
          await hub.putAgentReport(SIGN, anAgentReport({ id }));
        }
        await raw.set(reportKey(SIGN, 'agent', 'garbage'), '{"v":1,');
        await raw.set(reportKey(SIGN, 'agent', 'large'), 'x'.repeat(300_000));
        await raw.spoil(reportKey(SIGN, 'agent', 'spoilt'));
        await raw.set(reportKey(SIGN, 'agent', 'liar'), JSON.stringify(anAgentReport()));
        await raw.set(reportKey(SIGN, 'agent', 'gone'), '');
        await raw.sadd(key('reporters'), 'facts-bad\nid');
        await raw.sadd(key('reporters'), 'topology');
        await raw.hset(key('requests'), 'evil', '1 2 3');
        await raw.hset(key('requests'), 'evil2', 'no request');
        await raw.hset(key('requests'), 'evil3', 'x'.repeat(300_000));
        const state = await hub.read(SIGN);
        expect(state.facts).toEqual([someFacts()]);
        expect(state.agents).toEqual([anAgentReport()]);
        expect(state.sidecars).toEqual([aSidecarReport()]);
        expect(state.requests).toEqual([aRequest()]);
        expect(state.complaints).toHaveLength(6);
        for (const what of ['agent-garbage', 'agent-large', 'agent-spoilt', 'agent-liar', 'evil2', 'evil3']) {
          expect(state.complaints.filter((complaint) => complaint.includes(what))).toHaveLength(1);
        }
      });

      it('in the index of reports cost nobody the others for long', async () => {
        await raw.spoil(key('reporters'));
        expect((await hub.read(SIGN)).complaints.join()).toContain('reporters has a wrong type');
        await hub.putFacts(someFacts());
        const state = await hub.read(SIGN);
        expect(state.facts).toHaveLength(1);
        expect(state.complaints).toEqual([]);
      });

      it('in legacy keys count as absent', async () => {
        await raw.hset(key('mode'), 'active', `${A}\nserver evil 6.6.6.6:3306`);
        await raw.hset(key('mode'), 'passive', 'x'.repeat(300_000));
        await raw.hset(key('master'), 'host', '; reboot');
        await raw.hset(key('master'), 'generation', '1e9');
        await raw.spoil(key('servicemode'));
        await raw.set(key('primaryhost'), A);
        await raw.sadd(key('members'), A);
        await raw.sadd(key('members'), 'nonsense');
        const state = await hub.read(SIGN);
        expect(state.legacy).toEqual({ ...noLegacy, primaryhost: A, members: [A] });
        expect(state.complaints).toHaveLength(3);
      });

      it('in check hashes, events and answers count as absent', async () => {
        await raw.spoil(checkKey(SIGN, A));
        await raw.hset(checkKey(SIGN, B), 'ping', 'maybe');
        await raw.set('mysql-x-answer-request1', 'garbage');
        await raw.spoil(key('events'));
        expect((await hub.readChecks(SIGN, [A, B])).size).toBe(0);
        expect(await hub.readAnswer('x', 'request1')).toBeNull();
        expect(await hub.events(SIGN, 5)).toEqual([]);
        await hub.putCheck(SIGN, A, aCheck);
        await hub.putEvent(SIGN, anEvent());
        expect([...(await hub.readChecks(SIGN, [A, B]))]).toEqual([[A, aCheck]]);
        expect(await hub.events(SIGN, 5)).toHaveLength(1);
      });

      it('on the wake channel wake nobody', async () => {
        const hints = await watching();
        await raw.publish(`mysql-${SIGN}-wake`, 'reconnected');
        await raw.publish(`mysql-${SIGN}-wake`, 'x'.repeat(300_000));
        await hub.putFacts(someFacts());
        await eventually('the real hint', () => hints.length > 0);
        expect(hints).toEqual(['facts']);
      });
    });

    describe('requests', () => {
      it('are read oldest first, and one that is withdrawn is not carried out', async () => {
        for (const id of ['c', 'a', 'b']) await hub.putRequest(SIGN, aRequest({ id }), 10_000);
        expect((await hub.read(SIGN)).requests.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
        expect(await hub.withdraw(SIGN, 'a')).toBe(true);
        expect(await hub.withdraw(SIGN, 'a')).toBe(false);
        expect(await hub.commit(aCommit(aTopology(), { ...pairOf(A, B), takes: 'a' }))).toBe('withdrawn');
        const state = await hub.read(SIGN);
        expect(state.topology).toBeNull();
        expect(state.legacy).toEqual(noLegacy);
        expect(state.requests.map(({ id }) => id)).toEqual(['c', 'b']);
        expect(under.messages(TOPIC)).toEqual([]);
      });

      it('that were taken cannot be withdrawn any more', async () => {
        await hub.putRequest(SIGN, aRequest(), 10_000);
        expect(await hub.commit(aCommit(aTopology(), { takes: 'request1' }))).toBe('committed');
        expect(await hub.withdraw(SIGN, 'request1')).toBe(false);
      });

      it('are never carried out once they have expired', async () => {
        await hub.putRequest(SIGN, aRequest(), 30);
        await eventually('expired', async () => (await hub.read(SIGN)).requests.length === 0);
        expect(await hub.commit(aCommit(aTopology(), { takes: 'request1' }))).toBe('withdrawn');
        expect((await hub.read(SIGN)).topology).toBeNull();
      });

      it('from the future have expired too: the clock was set back', async () => {
        const late = String((Date.now() + 3_600_000) * 1000);
        await raw.hset(key('requests'), 'request1', `${late} ${late}0 ${JSON.stringify(aRequest())}`);
        expect((await hub.read(SIGN)).requests).toEqual([]);
        expect(await hub.commit(aCommit(aTopology(), { takes: 'request1' }))).toBe('withdrawn');
      });

      it('are done with when they are answered', async () => {
        await hub.putRequest(SIGN, aRequest(), 10_000);
        const answer = { v: 1, id: 'request1', ok: false, detail: 'B is dead', generation: 42 } as const;
        await hub.answer(SIGN, answer);
        expect((await hub.read(SIGN)).requests).toEqual([]);
        expect(await hub.readAnswer(SIGN, 'request1')).toEqual(answer);
        expect(await hub.readAnswer(SIGN, 'request2')).toBeNull();
      });
    });

    describe('legacy keys', () => {
      const wanted: LegacyKeys = {
        active: A,
        passive: B,
        masterHost: A,
        masterGeneration: '42',
        masterSince: '1763630000000',
        servicemode: '1',
        primaryhost: A,
        secondaryhost: B,
        members: [A, B],
      };

      it('are brought to what is wanted, without a message, and only where they differ', async () => {
        await hub.commit(aCommit(aTopology()));
        await raw.hset(key('master'), 'since', '17');
        await raw.hset(key('master'), 'comment', 'of somebody else');
        await raw.hset(key('mode'), 'active', B);
        await raw.set(key('primaryhost'), 'old:1');
        await raw.spoil(key('members'));
        expect([...(await hub.repairLegacy(SIGN, wanted))].sort()).toEqual(
          ['master', 'members', 'mode', 'primaryhost', 'secondaryhost', 'servicemode'].map(
            (n) => `mysql-${SIGN}-${n}`,
          ),
        );
        expect((await hub.read(SIGN)).legacy).toEqual(wanted);
        expect(await raw.hgetall(key('mode'))).toEqual({ active: A, passive: B });
        expect(await raw.hgetall(key('master'))).toEqual({
          host: A,
          passive: B,
          generation: '42',
          phase: 'stable',
          since: '1763630000000',
          comment: 'of somebody else',
        });
        expect(await hub.repairLegacy(SIGN, wanted)).toEqual([]);
        await raw.hset(key('master'), 'since', '17');
        expect(await hub.repairLegacy(SIGN, { ...wanted, masterSince: null })).toEqual([]);
        await hub.repairLegacy(SIGN, wanted);
        await raw.sadd(key('members'), 'third:3306');
        await raw.spoil(key('mode'));
        expect([...(await hub.repairLegacy(SIGN, wanted))].sort()).toEqual(
          [key('members'), key('mode')].sort(),
        );
        expect(under.messages(TOPIC)).toEqual([]);
      });

      it('keep the cluster in the list of clusters', async () => {
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        await hub.repairLegacy(SIGN, wanted);
        await raw.spoil('mysql-clusters');
        expect(await hub.repairLegacy(SIGN, wanted)).toEqual(['mysql-clusters']);
        expect(await hub.clusters()).toEqual([SIGN]);
      });

      it('are not put back by a leader that was overtaken', async () => {
        await hub.commit(aCommit(aTopology({ generation: 43, writer: B }), pairOf(B, A)));
        await hub.repairLegacy(SIGN, wanted);
        expect((await hub.read(SIGN)).legacy).toMatchObject({ active: B, masterHost: B, servicemode: '1' });
      });

      it('that are not given stay as they are', async () => {
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        expect(await hub.repairLegacy(SIGN, { ...noLegacy, servicemode: '1' })).toEqual([key('servicemode')]);
        expect((await hub.read(SIGN)).legacy).toMatchObject({ active: A, masterHost: A, servicemode: '1' });
      });
    });

    describe('reports', () => {
      it('expire after a minute, each writer has one', async () => {
        await hub.putFacts(someFacts({ seq: 1 }));
        await hub.putFacts(someFacts({ seq: 2 }));
        await hub.putFacts(someFacts({ id: 'monitor2' }));
        expect((await hub.read(SIGN)).facts.map(({ id, seq }) => [id, seq])).toEqual([
          ['monitor1', 2],
          ['monitor2', 1],
        ]);
        expect(await raw.ttl(reportKey(SIGN, 'facts', 'monitor1'))).toBeGreaterThan(55);
        expect(await raw.ttl(reportKey(SIGN, 'facts', 'monitor1'))).toBeLessThanOrEqual(60);
      });

      it('that are gone leave the index with the next newcomer', async () => {
        await hub.putAgentReport(SIGN, anAgentReport({ id: 'old' }));
        await raw.set(reportKey(SIGN, 'agent', 'old'), '');
        expect((await hub.read(SIGN)).agents).toEqual([]);
        await hub.putAgentReport(SIGN, anAgentReport({ id: 'new' }));
        expect((await hub.read(SIGN)).agents.map(({ id }) => id)).toEqual(['new']);
      });
    });

    describe('events', () => {
      it('come back newest last, with the time Redis gave them', async () => {
        for (const generation of [1, 2, 3, 4]) await hub.putEvent(SIGN, anEvent({ generation }));
        const events = await hub.events(SIGN, 3);
        expect(events.map(({ generation }) => generation)).toEqual([2, 3, 4]);
        expect(events[0]?.at).toMatch(/^\d{13}-\d+$/);
      });
    });

    describe('hints', () => {
      it('tell what has changed, of the clusters watched and no others', async () => {
        const hints = await watching();
        await hub.commit(aCommit(aTopology({ uniqsign: 'other' })));
        await hub.commit(aCommit(aTopology()));
        await hub.putFacts(someFacts());
        await hub.putAgentReport(SIGN, anAgentReport());
        await hub.putSidecarReport(SIGN, aSidecarReport());
        await hub.putRequest(SIGN, aRequest(), 1000);
        await hub.answer(SIGN, { v: 1, id: 'request1', ok: true, detail: '', generation: 1 });
        const all = ['topology', 'facts', 'report', 'report', 'request', 'request'];
        await eventually(
          'all hints',
          () => hints,
          (seen) => seen.length >= all.length,
        );
        expect(hints).toEqual(all);
      });

      it("come of the ancestor's messages too, to those who name its topic", async () => {
        const without = await watching();
        const hints: [string, Hint][] = [];
        const { signal } = new AbortController();
        await hub.watch([SIGN], (sign, hint) => hints.push([sign, hint]), signal, TOPIC);
        await raw.publish(TOPIC, announcement(A, B, 'another'));
        await raw.publish(TOPIC, `${announcement(A, B, SIGN)}\nserver evil`);
        await raw.publish('another-topic', announcement(A, B, SIGN));
        await raw.publish(TOPIC, announcement(A, B, SIGN));
        await hub.putFacts(someFacts());
        await eventually('the last hint', () => hints.length > 1);
        expect(hints).toEqual([
          [SIGN, 'announced'],
          [SIGN, 'facts'],
        ]);
        expect(without).toEqual(['facts']);
      });

      it('end when the watcher does', async () => {
        const stop = new AbortController();
        const ended = await watching(stop.signal);
        const going = await watching();
        stop.abort();
        await hub.putFacts(someFacts());
        await eventually('the hint', () => going.length === 1);
        expect(ended).toEqual([]);
        expect(await watching(AbortSignal.abort())).toEqual([]);
      });
    });

    describe('trouble', () => {
      it('Redis came back empty: another incarnation, everything absent, watchers are told', async () => {
        const hints = await watching();
        await hub.commit(aCommit(aTopology(), pairOf(A, B)));
        const before = await hub.read(SIGN);
        await under.restartEmpty();
        const after = await eventually('read again', () => hub.read(SIGN));
        expect(after.incarnation).not.toBe(before.incarnation);
        expect(after).toMatchObject({ topology: null, topologyText: null, legacy: noLegacy });
        await eventually('the hint', () => hints.includes('reconnected'));
        expect(await hub.commit(aCommit(aTopology(), { basedOn: before.topologyText }))).toBe('stale');
        expect(await hub.commit(aCommit(aTopology(), pairOf(A, B)))).toBe('committed');
        await eventually('hints go on', () => hints.at(-1) === 'topology');
      });

      it('Redis is away: every method rejects with HubError, and works again when it is back', async () => {
        await hub.commit(aCommit(aTopology()));
        await under.goAway();
        const start = performance.now();
        for (const attempt of everyMethod(hub)) await expect(attempt()).rejects.toThrow(HubError);
        expect(performance.now() - start).toBeLessThan(25 * 900);
        await under.comeBack();
        const state = await eventually('read again', () => hub.read(SIGN));
        expect(state.topology).toEqual(aTopology());
      });

      it('a hub that was closed rejects', async () => {
        await hub.close();
        await expect(hub.read(SIGN)).rejects.toThrow(HubError);
      });
    });

    async function watching(signal = new AbortController().signal): Promise<Hint[]> {
      const hints: Hint[] = [];
      await hub.watch(
        [SIGN],
        (sign, hint) => {
          if (sign === SIGN) hints.push(hint);
        },
        signal,
      );
      return hints;
    }

    /** A commit based on what is stored now. */
    async function following(next: Topology, over: Partial<Commit> = {}): Promise<Commit> {
      return aCommit(next, { ...over, basedOn: (await hub.read(SIGN)).topologyText });
    }

    async function messagesAre(expected: readonly string[]): Promise<void> {
      await raw.publish(TOPIC, 'last');
      await eventually('the last message', () => under.messages(TOPIC).at(-1) === 'last');
      expect(under.messages(TOPIC).filter((text) => text !== 'last')).toEqual(expected);
    }
  });
}

const noLegacy: ClusterState['legacy'] = {
  active: null,
  passive: null,
  masterHost: null,
  masterGeneration: null,
  masterSince: null,
  servicemode: null,
  primaryhost: null,
  secondaryhost: null,
  members: [],
};

const aCheck: LegacyCheck = {
  ping: '1',
  repl_check: 'Delay 7 Seconds',
  read_only: '1',
  delay_sec: '7',
  conn_nums: '0',
  last_check: '1763630000',
};

export function aCommit(next: Topology, over: Partial<Commit> = {}): Commit {
  const bare = { basedOn: null, events: [], legacy: null, announceOn: null, takes: null, answers: [] };
  return { ...bare, next, ...over };
}

export function pairOf(active: string, passive: string): Pick<Commit, 'legacy' | 'announceOn'> {
  return { legacy: { active, passive, sinceEpochMs: 1_763_630_000_000 }, announceOn: TOPIC };
}

/** Everything that is asked of Redis. */
export function everyMethod(hub: Hub): readonly (() => Promise<unknown>)[] {
  return [
    () => hub.read(SIGN),
    () => hub.clusters(),
    () => hub.readTopology(SIGN),
    () => hub.readOrders(SIGN),
    () => hub.renewLease(SIGN, { member: A, agent: 'agent1', generation: 42, armed: true }),
    () => hub.releaseLease(SIGN, { member: A, agent: 'agent1', generation: 42 }),
    () => hub.lead(SIGN, 'identify1', null),
    () => hub.resign(SIGN, 'identify1'),
    () => hub.commit(aCommit(aTopology())),
    () => hub.repairLegacy(SIGN, noLegacy),
    () => hub.putFacts(someFacts()),
    () => hub.putCheck(SIGN, A, aCheck),
    () => hub.readChecks(SIGN, [A]),
    () => hub.putAgentReport(SIGN, anAgentReport()),
    () => hub.putSidecarReport(SIGN, aSidecarReport()),
    () => hub.putEvent(SIGN, anEvent()),
    () => hub.events(SIGN, 1),
    () => hub.putRequest(SIGN, aRequest(), 1000),
    () => hub.withdraw(SIGN, 'request1'),
    () => hub.answer(SIGN, { v: 1, id: 'request1', ok: true, detail: '', generation: 1 }),
    () => hub.readAnswer(SIGN, 'request1'),
  ];
}

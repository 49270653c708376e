import { describe, expect, it } from 'vitest';
import type { Topology } from '../../src/core/model.ts';
import { clusterKey } from '../../src/hub/keys.ts';
import type { Renewal } from '../../src/ports.ts';
import { A, aTopology, B, SIGN } from '../support/documents.ts';
import { eventually } from '../support/eventually.ts';
import { aCommit, type HubUnderTest } from './hub.contract.ts';

const key = (name: Parameters<typeof clusterKey>[1]) => clusterKey(SIGN, name);
const ours: Renewal = { member: A, agent: 'agent1', generation: 42, armed: true };
const unused = {
  holder: A,
  generation: 42,
  counter: 0,
  agent: '',
  armed: false,
  released: false,
  incarnation: 'run1',
};
/** A handover from A to B, in every phase but stable. */
const between = { writer: null, from: A, to: B, generation: 43 } as const;

/** What every Hub does with orders, the writer's lease and the lead among identifies. */
export function hubLeaseContract(under: () => HubUnderTest): void {
  const hub = () => under().hub;

  describe('orders', () => {
    it('are current only in the Redis process in which they were written or confirmed', async () => {
      expect(await hub().readOrders(SIGN)).toEqual({ topology: null, isCurrent: false });
      await write(aTopology({ incarnation: 'an earlier one' }));
      expect(await hub().readOrders(SIGN)).toMatchObject({ topology: { step: 0 }, isCurrent: false });
      const { incarnation } = await hub().read(SIGN);
      await write(aTopology({ step: 1, incarnation }));
      expect(await hub().readOrders(SIGN)).toMatchObject({ topology: { step: 1 }, isCurrent: true });
      await under().raw.set(key('topology'), JSON.stringify(aTopology({ uniqsign: 'another', incarnation })));
      expect(await hub().readOrders(SIGN)).toEqual({ topology: null, isCurrent: false });
      await under().raw.spoil(key('topology'));
      expect(await hub().readOrders(SIGN)).toEqual({ topology: null, isCurrent: false });
    });
  });

  describe('the lease', () => {
    it('is made by the commit that lets somebody open, and stays to be seen while he is closed', async () => {
      expect((await hub().read(SIGN)).lease).toBeNull();
      await write(aTopology());
      expect((await hub().read(SIGN)).lease).toEqual(unused);
      await hub().renewLease(SIGN, ours);
      await write(aTopology({ ...between, phase: 'closing' }));
      expect((await hub().read(SIGN)).lease).toMatchObject({ holder: A, generation: 42, armed: true });
      await write(aTopology({ ...between, phase: 'opening', step: 1 }));
      const lent = { ...unused, holder: B, generation: 43 };
      expect((await hub().read(SIGN)).lease).toEqual(lent);
      expect(await renewals({ ...ours, member: B, generation: 43 })).toEqual(['granted']);
      await write(aTopology({ generation: 43, step: 2, from: A, to: B, writer: B }));
      expect((await hub().read(SIGN)).lease).toEqual({ ...lent, agent: 'agent1', armed: true, counter: 1 });
    });

    it('is not made while nobody is to open', async () => {
      for (const phase of ['closing', 'halted'] as const) {
        await write(aTopology({ ...between, phase }));
        expect((await hub().read(SIGN)).lease).toBeNull();
      }
    });

    it('stays as it is while the generation does', async () => {
      await write(aTopology());
      await hub().renewLease(SIGN, ours);
      await write(aTopology({ step: 1, reason: 'another step' }));
      expect((await hub().read(SIGN)).lease).toEqual({ ...unused, agent: 'agent1', counter: 1, armed: true });
    });

    it('is unarmed again when it is confirmed in another Redis process, or was lost', async () => {
      await write(aTopology());
      await hub().renewLease(SIGN, ours);
      await write(aTopology({ step: 1, incarnation: 'run2' }));
      expect((await hub().read(SIGN)).lease).toEqual({ ...unused, incarnation: 'run2' });
      expect(await renewals(ours)).toEqual(['granted']);
      await under().raw.spoil(key('lease'));
      const state = await hub().read(SIGN);
      expect(state).toMatchObject({ lease: null, complaints: [`${key('lease')} has a wrong type`] });
      await write(aTopology({ step: 2, incarnation: 'run2' }));
      expect((await hub().read(SIGN)).lease).toEqual({ ...unused, incarnation: 'run2' });
    });

    it('counts the renewals, and says whether the server closes itself', async () => {
      await write(aTopology());
      expect(await renewals(ours, ours, { ...ours, armed: false })).toEqual([
        'granted',
        'granted',
        'granted',
      ]);
      expect((await hub().read(SIGN)).lease).toEqual({ ...unused, agent: 'agent1', counter: 3 });
      await hub().renewLease(SIGN, ours);
      expect((await hub().read(SIGN)).lease).toMatchObject({ counter: 4, armed: true });
    });

    it('is granted to the writer and to whoever is being opened, to nobody else', async () => {
      await write(aTopology());
      const toB = { ...ours, member: B, generation: 43 };
      expect(await renewals(ours, { ...ours, member: B }, toB)).toEqual(['granted', 'unknown', 'unknown']);
      await write(aTopology({ ...between, phase: 'closing' }));
      expect(await renewals(ours, { ...ours, generation: 43 }, toB)).toEqual(['lost', 'unknown', 'unknown']);
      await write(aTopology({ ...between, phase: 'opening', step: 1 }));
      expect(await renewals(ours, { ...ours, generation: 43 }, toB)).toEqual(['lost', 'unknown', 'granted']);
      await write(aTopology({ ...between, phase: 'halted', step: 2 }));
      expect(await renewals(ours, toB)).toEqual(['lost', 'unknown']);
      await write(aTopology({ generation: 44, writer: B }));
      expect(await hub().renewLease(SIGN, toB)).toEqual({ says: 'lost', generation: 44 });
      expect(await renewals({ ...toB, generation: 44 })).toEqual(['granted']);
    });

    it('cannot be disarmed any more from the moment of closing on', async () => {
      await write(aTopology());
      await hub().renewLease(SIGN, ours);
      await write(aTopology({ ...between, phase: 'closing' }));
      expect(await renewals({ ...ours, armed: false })).toEqual(['lost']);
      expect((await hub().read(SIGN)).lease).toMatchObject({ armed: true, counter: 1 });
    });

    it('does not depend on which Redis process answers: losing it must close nobody', async () => {
      await write(aTopology({ incarnation: 'an earlier one' }));
      expect(await renewals(ours)).toEqual(['granted']);
    });

    it('wakes nobody', async () => {
      await write(aTopology());
      const hints = await hintsFromNow();
      await hub().renewLease(SIGN, ours);
      await hub().lead(SIGN, 'identify1', null);
      await hub().releaseLease(SIGN, { ...ours, agent: 'agent2' });
      await under().raw.publish(`mysql-${SIGN}-wake`, 'request');
      await eventually('the last hint', () => hints.length > 0);
      expect(hints).toEqual(['request']);
    });

    it('of another agent is named, not taken', async () => {
      await write(aTopology());
      await hub().renewLease(SIGN, ours);
      const other = { ...ours, agent: 'agent2' };
      const foreign = { says: 'foreign', agent: 'agent1', counter: 1 };
      expect(await hub().renewLease(SIGN, other)).toEqual(foreign);
      expect(await hub().releaseLease(SIGN, other)).toBe(false);
      expect((await hub().read(SIGN)).lease).toMatchObject({ agent: 'agent1', counter: 1, released: false });
    });

    it('is unknown to a Redis that lost it, or the topology, or has garbage in their place', async () => {
      expect(await renewals(ours)).toEqual(['unknown']);
      await write(aTopology());
      await under().raw.spoil(key('lease'));
      expect(await renewals(ours)).toEqual(['unknown']);
      expect(await hub().releaseLease(SIGN, ours)).toBe(false);
      await write(aTopology({ step: 1, incarnation: 'run2' }));
      expect(await renewals(ours)).toEqual(['granted']);
      const good = JSON.stringify(aTopology());
      const garbage = [
        'garbage',
        '[]',
        '"text"',
        '{"generation":42}',
        '['.repeat(3000),
        'x'.repeat(300_000),
        good.replaceAll(SIGN, 'another'),
        good.replace('"v":1', '"v":2'),
        good.replace('"generation":42', '"generation":"42"'),
        good.replace('"generation":42', '"generation":42.5'),
        good.replace(`"writer":"${A}"`, '"writer":["x"]'),
        `${good}\u0000`,
      ];
      for (const text of garbage) {
        await under().raw.set(key('topology'), text);
        expect([text.slice(0, 40), ...(await renewals(ours))]).toEqual([text.slice(0, 40), 'unknown']);
        expect(await hub().releaseLease(SIGN, ours)).toBe(false);
      }
      await under().raw.spoil(key('topology'));
      expect(await renewals(ours)).toEqual(['unknown']);
    });

    it.each([
      ['holder', 'no address', 'is not understood'],
      ['generation', '4e1', 'is not understood'],
      ['counter', '-1', 'is not understood'],
      ['counter', '1'.repeat(16), 'is not understood'],
      ['agent', 'x'.repeat(129), 'is not understood'],
      ['armed', 'true', 'is not understood'],
      ['released', '', 'is not understood'],
      ['incarnation', 'x'.repeat(65), 'is not understood'],
      ['holder', 'x'.repeat(300_000), 'lacks holder'],
    ] as const)('with garbage as %s is none, and is made anew', async (field, value, why) => {
      await write(aTopology());
      await hub().renewLease(SIGN, ours);
      await under().raw.hset(key('lease'), field, value);
      const state = await hub().read(SIGN);
      expect(state.lease).toBeNull();
      expect(state.complaints).toHaveLength(1);
      expect(state.complaints[0]).toContain(`${key('lease')} ${why}`);
      expect(await renewals(ours)).toEqual(['unknown']);
      await write(aTopology({ step: 1 }));
      expect((await hub().read(SIGN)).lease).toEqual(unused);
    });

    it('that was given up stays so for this generation, and whoever decides is woken', async () => {
      await write(aTopology());
      const hints = await hintsFromNow();
      await hub().renewLease(SIGN, ours);
      expect(await hub().releaseLease(SIGN, ours)).toBe(true);
      await eventually('the hint', () => hints.length > 0);
      expect(hints).toEqual(['report']);
      expect(await hub().releaseLease(SIGN, ours)).toBe(true);
      expect((await hub().read(SIGN)).lease).toMatchObject({ released: true, counter: 1 });
      expect(await renewals(ours, { ...ours, agent: 'agent2' })).toEqual(['lost', 'lost']);
      await write(aTopology({ step: 1, incarnation: 'run2' }));
      expect((await hub().read(SIGN)).lease).toMatchObject({ released: true, incarnation: 'run2' });
      expect(await renewals(ours)).toEqual(['lost']);
      await write(aTopology({ generation: 43 }));
      expect((await hub().read(SIGN)).lease).toMatchObject({ released: false });
      expect(await renewals({ ...ours, generation: 43 })).toEqual(['granted']);
    });

    it('can be given up before it was ever renewed, by the writer, in stable alone', async () => {
      await write(aTopology());
      expect(await hub().releaseLease(SIGN, { ...ours, generation: 41 })).toBe(false);
      expect(await hub().releaseLease(SIGN, { ...ours, generation: 43 })).toBe(false);
      expect(await hub().releaseLease(SIGN, { ...ours, member: B })).toBe(false);
      await write(aTopology({ ...between, phase: 'closing' }));
      expect(await hub().releaseLease(SIGN, ours)).toBe(false);
      await write(aTopology({ ...between, phase: 'opening', step: 1 }));
      expect(await hub().releaseLease(SIGN, { ...ours, member: B, generation: 43 })).toBe(false);
      await write(aTopology({ generation: 43, step: 2, writer: B }));
      expect(await hub().releaseLease(SIGN, { ...ours, member: B, generation: 43 })).toBe(true);
    });
  });

  describe('the lead', () => {
    it('is taken when nobody has it, and kept by signs of life', async () => {
      expect((await hub().read(SIGN)).leader).toBeNull();
      expect(await hub().lead(SIGN, 'one', null)).toEqual({ id: 'one', counter: 1, ageMs: 0 });
      expect(await hub().lead(SIGN, 'one', null)).toEqual({ id: 'one', counter: 2, ageMs: 0 });
      const { leader, redisNowMs } = await hub().read(SIGN);
      expect(leader).toMatchObject({ id: 'one', counter: 2 });
      expect(redisNowMs).toBeGreaterThan(1.7e12);
      expect(Number.isInteger(redisNowMs)).toBe(true);
    });

    it('passes to another one by the counter it has seen standing still, to one of them', async () => {
      await hub().lead(SIGN, 'one', null);
      await hub().lead(SIGN, 'one', null);
      expect(await hub().lead(SIGN, 'two', null)).toMatchObject({ id: 'one', counter: 2 });
      expect(await hub().lead(SIGN, 'two', 1)).toMatchObject({ id: 'one', counter: 2 });
      const said = await Promise.all(['two', 'three', 'four'].map((id) => hub().lead(SIGN, id, 2)));
      expect(new Set(said.map(({ id }) => id)).size).toBe(1);
      expect(said.every(({ counter }) => counter === 3)).toBe(true);
      expect(await hub().lead(SIGN, 'one', null)).toMatchObject({ id: said[0]?.id, counter: 3 });
    });

    it('is free after it was given up, but not for whoever knows an older counter only', async () => {
      await hub().lead(SIGN, 'one', null);
      await hub().resign(SIGN, 'two');
      expect((await hub().read(SIGN)).leader).toMatchObject({ id: 'one', counter: 1 });
      await hub().resign(SIGN, 'one');
      expect(await hub().read(SIGN)).toMatchObject({ leader: null, complaints: [] });
      expect(await hub().lead(SIGN, 'two', null)).toEqual({ id: 'two', counter: 2, ageMs: 0 });
      expect(await hub().lead(SIGN, 'three', 1)).toMatchObject({ id: 'two', counter: 2 });
    });

    it('grows old by the clock of Redis, and is never younger than just seen', async () => {
      await hub().lead(SIGN, 'one', null);
      const { redisNowMs } = await hub().read(SIGN);
      await under().raw.hset(key('leader'), 'at', String(redisNowMs - 60_000));
      expect((await hub().read(SIGN)).leader?.ageMs).toBeGreaterThanOrEqual(60_000);
      expect((await hub().lead(SIGN, 'two', null)).ageMs).toBeGreaterThanOrEqual(60_000);
      await under().raw.hset(key('leader'), 'at', String(redisNowMs + 3_600_000));
      expect((await hub().read(SIGN)).leader?.ageMs).toBe(0);
    });

    it.each([
      ['id', 'bad\nid'],
      ['id', 'x'.repeat(129)],
      ['counter', 'x'],
      ['at', '1e9'],
    ])('with garbage as %s is nobody, and free', async (field, value) => {
      await hub().lead(SIGN, 'one', null);
      await under().raw.hset(key('leader'), field, value);
      const state = await hub().read(SIGN);
      expect(state.leader).toBeNull();
      expect(state.complaints).toEqual([`${key('leader')} is not understood`]);
      expect(await hub().lead(SIGN, 'two', null)).toMatchObject({ id: 'two' });
      expect(await hub().read(SIGN)).toMatchObject({ leader: { id: 'two' }, complaints: [] });
      await under().raw.spoil(key('leader'));
      await hub().resign(SIGN, 'two');
      expect((await hub().read(SIGN)).complaints).toEqual([`${key('leader')} has a wrong type`]);
      expect(await hub().lead(SIGN, 'two', null)).toMatchObject({ id: 'two' });
    });
  });

  async function write(next: Topology): Promise<void> {
    const { topologyText } = await hub().read(SIGN);
    expect(await hub().commit(aCommit(next, { basedOn: topologyText }))).toBe('committed');
  }

  async function renewals(...asked: readonly Renewal[]): Promise<readonly string[]> {
    const said: string[] = [];
    for (const renewal of asked) said.push((await hub().renewLease(SIGN, renewal)).says);
    return said;
  }

  async function hintsFromNow(): Promise<readonly string[]> {
    const hints: string[] = [];
    await hub().watch([SIGN], (_, hint) => hints.push(hint), new AbortController().signal);
    return hints;
  }
}

/** The part of every Server that keeps two from being writable: the promotion lock and the dead-man. */
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { LOCK, opens, take } from '../support/promotion-lock.ts';
import { type ContractWorld, lookAt } from './server.contract.ts';

const YES = async (): Promise<boolean> => true;

export function leaseContract(name: string, makeWorld: () => Promise<ContractWorld>): void {
  const open: ContractWorld[] = [];
  const start = async (): Promise<ContractWorld> => {
    const world = await makeWorld();
    open.push(world);
    return world;
  };
  afterEach(async () => {
    for (const world of open.splice(0)) await world.dispose();
  });

  describe(`${name}: the promotion lock`, () => {
    test('belongs to one, is seen by everybody, and is free again when it is let go of', async () => {
      const { b } = await start();
      const [one, other] = [b.adapter(), b.adapter()];
      expect(await one.glance(LOCK, 1000)).toMatchObject({ readOnly: true, lockFree: true });
      const held = await take(one);
      expect(await other.lock(LOCK, 1000)).toBeNull();
      expect(await one.lock(LOCK, 1000)).toBeNull();
      expect(await other.glance(LOCK, 1000)).toMatchObject({ lockFree: false });
      expect(await other.glance('mmm-another', 1000)).toMatchObject({ lockFree: true });
      expect(await held.keep()).toBe(true);
      held.release();
      expect(await held.keep()).toBe(false);
      expect(await held.open(YES)).toBe(false);
      const next = await take(other);
      other.end();
      expect(await next.keep()).toBe(false);
      await take(one);
      expect(await lookAt(b)).toMatchObject({ readOnly: true });
    });

    test('is lost by whoever is not heard of for two seconds, and with it the right to open', async () => {
      const { b, passTime } = await start();
      const [one, other] = [b.adapter(), b.adapter()];
      const idle = await take(one);
      const kept = await one.lock('mmm-another', 1000);
      for (let n = 0; n < 3; n += 1) {
        await passTime(900);
        expect(await kept?.keep()).toBe(true);
      }
      expect(await other.glance(LOCK, 1000)).toMatchObject({ lockFree: true });
      const next = await take(other);
      expect(await idle.open(YES)).toBe(false);
      expect(await idle.keep()).toBe(false);
      expect(await lookAt(b)).toMatchObject({ readOnly: true });
      expect(await next.open(YES)).toBe(true);
    });

    test('opens nothing when the question whether it is wanted takes too long', async () => {
      const { b, passTime } = await start();
      const held = await take(b.adapter());
      const late = async (): Promise<boolean> => {
        await passTime(1700);
        return true;
      };
      expect(await held.open(late)).toBe(false);
      expect(await lookAt(b)).toMatchObject({ readOnly: true });
    });

    test('ends with the server, and is had from nobody who does not answer', async () => {
      const { b } = await start();
      const server = b.adapter();
      const held = await take(server);
      await b.crash();
      expect(await held.keep()).toBe(false);
      await expect(server.lock(LOCK, 1000)).rejects.toMatchObject({ trouble: 'refused' });
      await expect(server.glance(LOCK, 1000)).rejects.toMatchObject({ trouble: 'refused' });
      await b.restart();
      const again = await take(server);
      expect(await held.open(YES)).toBe(false);
      b.freeze();
      await expect(server.lock('mmm-another', 150)).rejects.toMatchObject({ trouble: 'silent' });
      await expect(server.glance(LOCK, 150)).rejects.toMatchObject({ trouble: 'silent' });
      expect(await again.keep()).toBe(false);
      b.thaw();
      expect(await again.open(YES)).toBe(false);
      expect(await lookAt(b)).toMatchObject({ readOnly: true });
    });
  });

  describe(`${name}: the dead-man`, () => {
    test('closes the server when its time is over, although nobody is left', async () => {
      const { a, passTime } = await start();
      const client = await a.client();
      const server = a.adapter();
      await server.arm(1200);
      server.end();
      await client.write('in time');
      expect(await lookAt(a)).toMatchObject({ readOnly: false });
      await passTime(1500);
      expect(await lookAt(a)).toMatchObject({ readOnly: true });
      await expect(client.write('too late')).rejects.toThrow('read-only');
    });

    test('is replaced by the next one, whoever armed it, and can be taken back', async () => {
      const { a, passTime } = await start();
      const [one, other] = [a.adapter(), a.adapter()];
      await one.disarm();
      await one.arm(1500);
      await one.arm(1500);
      one.end();
      await other.arm(20_000);
      await other.arm(1500);
      await other.disarm();
      await other.disarm();
      await passTime(1700);
      expect(await lookAt(a)).toMatchObject({ readOnly: false });
    });

    test('is taken back by closing: a server that is opened again stays open', async () => {
      const { a, passTime } = await start();
      await a.adapter().arm(1500);
      expect(await a.adapter().close({ gentle: false, withinMs: 1000 })).toMatchObject({ closed: true });
      expect(await opens(a.adapter())).toBe(true);
      await passTime(1700);
      expect(await lookAt(a)).toMatchObject({ readOnly: false });
    });

    test('stays when the next one cannot be armed, and closes a server that thaws', async () => {
      const { a, passTime } = await start();
      const server = a.adapter();
      await server.arm(1800);
      a.freeze();
      await expect(server.arm(20_000)).rejects.toMatchObject({ trouble: 'silent' });
      await expect(server.disarm()).rejects.toMatchObject({ trouble: 'silent' });
      a.thaw();
      await eventually('closed', async () => {
        await passTime(100);
        return (await lookAt(a)).readOnly;
      });
    });

    test('ends with the server', async () => {
      const { a, passTime } = await start();
      const server = a.adapter();
      await server.arm(1500);
      await a.crash();
      await expect(server.arm(600)).rejects.toMatchObject({ trouble: 'refused' });
      await server.disarm();
      await a.restart();
      expect(await opens(a.adapter())).toBe(true);
      await passTime(1700);
      expect(await lookAt(a)).toMatchObject({ readOnly: false });
    });
  });
}

/** What every Server must do, real or fake: both pass this one suite. */
import { afterEach, describe, expect, test } from 'vitest';
import { isContained } from '../../src/core/history.ts';
import type { History, Look } from '../../src/core/model.ts';
import type { Server } from '../../src/ports.ts';
import { eventually } from '../support/eventually.ts';
import { opens, take } from '../support/promotion-lock.ts';

/** An application's session. Calls reject when the server refuses or is gone. */
export interface ContractClient {
  write(value: string): Promise<void>;
  /** Starts a statement that runs for about a second (a fake's: until `letItEnd`). */
  startStatement(): Promise<{
    /** Lets it come to its own end. */
    letItEnd(): Promise<void>;
    readonly outcome: () => Promise<'finished' | 'killed'>;
  }>;
  prepareXa(): Promise<void>;
  connected(): Promise<boolean>;
}

export interface ContractMember {
  readonly address: string;
  adapter(options?: {
    readonly onLost?: () => void;
    readonly wrongPassword?: boolean;
    /** Configured to lock the account of `client`. */
    readonly blocks?: boolean;
  }): Server;
  client(): Promise<ContractClient>;
  holds(value: string): Promise<boolean>;
  endXa(): Promise<void>;
  crash(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** `a` is writable; `a` and `b` replicate from each other. */
export interface ContractWorld {
  readonly a: ContractMember;
  readonly b: ContractMember;
  /** Lets so much time go by for the servers. */
  passTime(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** In what servers that all keep the contract differ. */
export interface ContractTraits {
  readonly flavour: Look['flavour'];
  readonly history: History['kind'];
  /** Replication by GTID. */
  readonly gtid: boolean;
  /** A prepared XA transaction outlives its session; else only a crash leaves one behind. */
  readonly keepsXa: boolean;
  /** Replication itself stops where two servers have written apart. */
  readonly noticesDivergence: boolean;
}

const YES = async (): Promise<boolean> => true;
const NO = async (): Promise<boolean> => false;

export function serverContract(
  name: string,
  traits: ContractTraits,
  makeWorld: () => Promise<ContractWorld>,
): void {
  const open: ContractWorld[] = [];
  const start = async (): Promise<ContractWorld> => {
    const world = await makeWorld();
    open.push(world);
    return world;
  };
  afterEach(async () => {
    for (const world of open.splice(0)) await world.dispose();
  });

  describe(`${name}: looking`, () => {
    test('tells a writer from a standby and sees both directions of replication', async () => {
      const { a, b } = await start();
      const client = await a.client();
      await client.write('one');
      await eventually('b holds it', () => b.holds('one'));

      const seen = await lookAt(a);
      expect(seen).toMatchObject({ flavour: traits.flavour, readOnly: false, serverId: 1, clients: 1 });
      const peer = await eventually('b applied it', () => lookAt(b), isDrained);
      expect(peer).toMatchObject({ readOnly: true, serverId: 2, clients: 0 });
      expect(peer.links).toMatchObject([
        {
          from: a.address,
          fromServerId: 1,
          io: 'yes',
          sql: 'yes',
          lagSeconds: 0,
          drained: true,
          gtid: traits.gtid,
          ioError: '',
          sqlError: '',
        },
      ]);
      expect(peer.links[0]?.heartbeatMs).toBe(500);
      expect(seen.history.kind).toBe(traits.history);
      expect(isContained(seen.history, peer.history)).toBe(true);
    });

    test('says refused when nobody listens, and up again after a restart that starts read-only', async () => {
      const { a, b } = await start();
      const server = a.adapter();
      await server.look(1000);
      await a.crash();
      await expect(server.look(1000)).rejects.toMatchObject({
        trouble: 'refused',
        message: expect.stringContaining(a.address),
      });
      await eventually(
        'the peer notices',
        () => lookAt(b),
        (look) => look.links[0]?.io === 'connecting',
      );

      await a.restart();
      const back = await server.look(1000);
      expect(back).toMatchObject({ readOnly: true });
      expect(back.uptimeSeconds).toBeLessThan(30);
      expect(back.links).toMatchObject([{ io: 'no', sql: 'no', lagSeconds: null }]);
    });

    test('calls back at once when the server dies', async () => {
      const { a } = await start();
      let lost = 0;
      const server = a.adapter({
        onLost: () => {
          lost += 1;
        },
      });
      await server.look(1000);
      await a.crash();
      await eventually('told', () => lost === 1, undefined, { withinMs: 500, everyMs: 1 });
    });

    test('says silent when the server is frozen, and goes on when it thaws', async () => {
      const { a } = await start();
      const server = a.adapter();
      await server.look(1000);
      a.freeze();
      await expect(server.look(150)).rejects.toMatchObject({ trouble: 'silent' });
      await expect(server.look(150)).rejects.toMatchObject({ trouble: 'silent' });
      a.thaw();
      expect(await server.look(1000)).toMatchObject({ readOnly: false });
    });

    test('says faulty when the server is alive but will not let us in', async () => {
      const { a } = await start();
      await expect(a.adapter({ wrongPassword: true }).look(1000)).rejects.toMatchObject({
        trouble: 'faulty',
        message: expect.stringContaining('password'),
      });
    });
  });

  describe(`${name}: closing`, () => {
    test('ends the sessions, refuses later writes, and proves it with the final history', async () => {
      const { a, b } = await start();
      const client = await a.client();
      await client.write('last');
      const closed = await a.adapter().close({ gentle: true, withinMs: 2000 });

      expect(closed).toMatchObject({ closed: true, detail: '' });
      expect(closed.history?.kind).toBe(traits.history);
      await eventually('the session is gone', async () => !(await client.connected()));
      await expect((await a.client()).write('too late')).rejects.toThrow('read-only');
      await eventually('b holds it', () => b.holds('last'));
      expect(await a.holds('too late')).toBe(false);
      await eventually('b holds its history', () => lookAt(b), holds(closed.history));
    });

    test('can be repeated on a closed server', async () => {
      const { a } = await start();
      const server = a.adapter();
      const first = await server.close({ gentle: false, withinMs: 2000 });
      const client = await a.client();
      const again = await server.close({ gentle: true, withinMs: 2000 });
      expect(again).toMatchObject({ closed: true });
      expect(endOf(again.history)).toEqual(endOf(first.history));
      await eventually('the later session is gone', async () => !(await client.connected()));
    });

    test('gently: a long statement leaves the server open, is named, and comes to its end', async () => {
      const { a } = await start();
      const [busy, other] = [await a.client(), await a.client()];
      await busy.write('row');
      const statement = await busy.startStatement();
      const closed = await a.adapter().close({ gentle: true, withinMs: 400 });

      expect(closed).toMatchObject({ closed: false, history: null });
      expect(closed.detail).toMatch(/connection \d+ of user app/);
      expect(closed.detail).not.toMatch(/update/i);
      expect(await lookAt(a)).toMatchObject({ readOnly: false });
      await other.write('goes on');
      await statement.letItEnd();
      expect(await statement.outcome()).toBe('finished');
    });

    test('not gently: a long statement is killed', async () => {
      const { a } = await start();
      const busy = await a.client();
      await busy.write('row');
      const statement = await busy.startStatement();
      expect(await a.adapter().close({ gentle: false, withinMs: 800 })).toMatchObject({ closed: true });
      expect(await statement.outcome()).toBe('killed');
    });

    test('is not proven while a prepared XA transaction could still be committed', async () => {
      const { a } = await start();
      const server = a.adapter();
      await (await a.client()).prepareXa();
      if (!traits.keepsXa) {
        await a.crash();
        await a.restart();
      }
      expect(await server.close({ gentle: false, withinMs: 1000 })).toMatchObject({
        closed: false,
        detail: expect.stringContaining('XA'),
      });
      await a.endXa();
      expect(await server.close({ gentle: false, withinMs: 1000 })).toMatchObject({ closed: true });
    });

    test('rejects when the server does not answer', async () => {
      const { a } = await start();
      const server = a.adapter();
      await server.look(1000);
      a.freeze();
      await expect(server.close({ gentle: false, withinMs: 300 })).rejects.toMatchObject({
        trouble: 'silent',
      });
      a.thaw();
      await a.crash();
      await expect(server.close({ gentle: false, withinMs: 300 })).rejects.toMatchObject({
        trouble: 'refused',
      });
    });
  });

  describe(`${name}: opening`, () => {
    test('does nothing when it is not wanted any more', async () => {
      const { b } = await start();
      expect(await opens(b.adapter(), NO)).toBe(false);
      expect(await opens(b.adapter(), () => Promise.reject(new Error('nobody knows')))).toBe(false);
      expect(await lookAt(b)).toMatchObject({ readOnly: true });
    });

    test('makes the server writable, and can be repeated', async () => {
      const { a, b } = await start();
      await a.adapter().close({ gentle: true, withinMs: 2000 });
      const server = b.adapter();
      const held = await take(server);
      expect(await held.open(YES)).toBe(true);
      expect(await lookAt(b)).toMatchObject({ readOnly: false });
      const client = await b.client();
      await client.write('on b');
      expect(await held.open(YES)).toBe(true);
      await client.write('still there');
      await eventually('a follows', () => a.holds('still there'));
    });

    test('takes writes there and back again', async () => {
      const { a, b } = await start();
      let [writer, standby] = [a, b];
      for (const turn of ['1', '2', '3', '4']) {
        await (await writer.client()).write(turn);
        const { closed, history } = await writer.adapter().close({ gentle: true, withinMs: 2000 });
        expect(closed).toBe(true);
        await eventually('caught up', () => lookAt(standby), holds(history));
        expect(await opens(standby.adapter())).toBe(true);
        [writer, standby] = [standby, writer];
      }
      await eventually('both hold everything', async () => (await a.holds('4')) && (await b.holds('4')));
      expect(await lookAt(b)).toMatchObject({ links: [{ sql: 'yes', ioError: '', sqlError: '' }] });
    });
  });

  describe(`${name}: accounts`, () => {
    const lock = { usable: false, whileWritable: true, spare: [], endSessions: true, withinMs: 2000 };
    const release = { ...lock, usable: true };
    const done = { trouble: '', exceptions: '' };

    test('locks the account of applications, ends its sessions, and makes it usable again', async () => {
      const { a, b } = await start();
      const client = await a.client();
      const server = a.adapter({ blocks: true });
      expect(await server.tendAccounts(lock)).toEqual({ ...done, changed: ["'app'@'%'"] });
      await eventually('the session is gone', async () => !(await client.connected()));
      await expect(a.client()).rejects.toThrow();
      await (await b.client()).connected();
      expect(await server.tendAccounts(lock)).toEqual({ ...done, changed: [] });

      expect(await server.tendAccounts(release)).toEqual({ ...done, changed: ["'app'@'%'"] });
      await (await a.client()).write('again');
      expect(await server.tendAccounts(release)).toEqual({ ...done, changed: [] });
    });

    test('leaves open sessions alone when told to, and ends them later although nothing is left to lock', async () => {
      const { a } = await start();
      const client = await a.client();
      const server = a.adapter({ blocks: true });
      await server.tendAccounts({ ...lock, endSessions: false });
      await client.write('still there');
      await expect(a.client()).rejects.toThrow();
      await server.tendAccounts(lock);
      await eventually('the session is gone', async () => !(await client.connected()));
    });

    test('leaves a writable server alone unless told to, and locks a closed one', async () => {
      const { a, b } = await start();
      const client = await a.client();
      const closedOnly = { ...lock, whileWritable: false };
      expect(await a.adapter({ blocks: true }).tendAccounts(closedOnly)).toEqual({ ...done, changed: [] });
      await client.write('still there');
      await (await a.client()).connected();
      const standby = b.adapter({ blocks: true });
      expect(await standby.tendAccounts(closedOnly)).toEqual({ ...done, changed: ["'app'@'%'"] });
    });

    test('works on a read-only server, and writes no transaction', async () => {
      const { a, b } = await start();
      const server = b.adapter({ blocks: true });
      const before = await lookAt(b);
      await server.tendAccounts(lock);
      await expect(b.client()).rejects.toThrow();
      await server.tendAccounts(release);
      await b.client();
      expect(endOf((await lookAt(b)).history)).toEqual(endOf(before.history));
      await (await a.client()).write('replicated');
      await eventually('b follows', () => b.holds('replicated'));
    });

    test('touches nothing without a choice, and says what is wrong instead of failing', async () => {
      const { a } = await start();
      await a.adapter().tendAccounts(lock);
      await a.client();
      await a.crash();
      const { trouble } = await a.adapter({ blocks: true }).tendAccounts({ ...lock, withinMs: 300 });
      expect(trouble).toContain(a.address);
    });
  });

  describe(`${name}: links`, () => {
    test('can stop receiving, stop altogether, and start again without a loss', async () => {
      const { a, b } = await start();
      const client = await a.client();
      const server = b.adapter();
      await server.stopReceiving(a.address);
      expect(await lookAt(b)).toMatchObject({ links: [{ io: 'no', sql: 'yes', drained: true }] });
      await server.stopReceiving(a.address);
      await server.stopLink(a.address);
      expect(await lookAt(b)).toMatchObject({ links: [{ io: 'no', sql: 'no', lagSeconds: null }] });
      await server.stopLink(a.address);
      await client.write('meanwhile');
      expect(await b.holds('meanwhile')).toBe(false);
      await server.startLink(a.address);
      await server.startLink(a.address);
      await eventually('b follows', () => b.holds('meanwhile'));
    });

    test('lets a crashed writer without extra transactions follow its successor, and be followed again', async () => {
      const { a, b } = await start();
      await (await a.client()).write('before');
      await eventually('b holds it', () => b.holds('before'));
      await eventually('b applied it', () => lookAt(b), isDrained);
      await a.crash();
      await b.adapter().stopLink(a.address);
      expect(await opens(b.adapter())).toBe(true);
      await (await b.client()).write('after');

      await a.restart();
      await a.adapter().startLink(b.address);
      await eventually('a follows', () => a.holds('after'));
      await b.adapter().startLink(a.address);
      await eventually(
        'b is linked',
        () => lookAt(b),
        (look) => look.links[0]?.io === 'yes',
      );
      expect(await lookAt(b)).toMatchObject({ links: [{ sql: 'yes', ioError: '', sqlError: '' }] });
    });

    if (traits.noticesDivergence) {
      test('stops with an error, and applies nothing, where the two have written apart', async () => {
        const { a, b } = await start();
        await b.adapter().stopLink(a.address);
        const client = await a.client();
        await client.write('only on a');
        await client.write('only on a too');
        await a.crash();
        await opens(b.adapter());
        await (await b.client()).write('only on b');
        await a.restart();
        await b.adapter().startLink(a.address);
        const look = await eventually(
          'stopped',
          () => lookAt(b),
          ({ links }) => links[0]?.sql === 'no' || links[0]?.io === 'no',
        );
        expect(`${look.links[0]?.ioError}${look.links[0]?.sqlError}`).not.toBe('');
        expect(await b.holds('only on a')).toBe(false);
      });
    }

    test('names the sources it knows when asked for another', async () => {
      const { b } = await start();
      await expect(b.adapter().stopLink('10.9.9.9:3306')).rejects.toMatchObject({
        trouble: 'faulty',
        message: expect.stringContaining('10.9.9.9:3306'),
      });
    });
  });
}

export async function lookAt(member: ContractMember): Promise<Look> {
  const server = member.adapter();
  try {
    return await server.look(1000);
  } finally {
    server.end();
  }
}

function isDrained(look: Look): boolean {
  return look.links[0]?.drained === true && look.links[0].lagSeconds === 0;
}

function holds(history: History | null): (look: Look) => boolean {
  return (look) => history !== null && isContained(history, look.history);
}

/** Moves with every transaction, and with nothing else. */
function endOf(history: History | null): unknown {
  if (history?.kind === 'mariadb') return history.state.split(',').sort();
  return history?.kind === 'mysql' ? history.executed : history?.end;
}

/** Applications: one value per write, remembered with what they were told. */
import type { FakeClient } from '../support/fake-server.ts';
import type { Engine } from './engine.ts';
import type { Ledger } from './ledger.ts';
import type { MachineRoom } from './machine-room.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { RoutingProxy } from './sidecars.ts';

interface Place {
  readonly engine: Engine;
  readonly network: Network;
  readonly random: Random;
  readonly room: MachineRoom;
  readonly hosts: ReadonlyMap<string, string>;
  readonly ledger: Ledger;
}

export interface Connection {
  readonly address: string;
  session: FakeClient | null;
  sinceMs: number;
}

const PATIENCE_MS = 1500;
const PAUSE_MS = 450;

/** Writes where the proxy on its host leads to, and is cut off when that changes. */
export function startRoutedClient(place: Place, host: string, name: string, proxy: RoutingProxy): void {
  let connection: Connection | null = null;
  proxy.onRoute = () => {
    if (connection === null || connection.address === proxy.route) return;
    const ended = connection;
    connection = null;
    tell(place, host, ended.address, () => ended.session?.end());
  };
  write(place, { host, name }, () => {
    if (proxy.route === null) return null;
    connection ??= { address: proxy.route, session: null, sinceMs: 0 };
    return { connection, failed: () => drop(place, host, connection, () => (connection = null)) };
  });
}

/** Knows both servers, and tries the other one whenever a write fails. */
export function startStubbornClient(place: Place, host: string, name: string): void {
  const [first, second] = [...place.hosts.keys()];
  if (first === undefined || second === undefined) return;
  let connection: Connection = { address: first, session: null, sinceMs: 0 };
  write(place, { host, name }, () => ({
    connection,
    failed: () => {
      const { address } = connection;
      drop(place, host, connection, () => undefined);
      connection = { address: address === first ? second : first, session: null, sinceMs: 0 };
    },
  }));
}

function write(
  place: Place,
  who: { readonly host: string; readonly name: string },
  choose: () => { readonly connection: Connection; readonly failed: () => void } | null,
): void {
  const { engine, random, room, ledger } = place;
  let count = 0;
  const again = (): void => void engine.at(random.between(0.5, 1.5) * PAUSE_MS, attempt);

  function attempt(): void {
    const chosen = choose();
    if (chosen === null) {
      again();
      return;
    }
    const { connection, failed } = chosen;
    const { address } = connection;
    count += 1;
    const value = `${who.name}-${count}`;
    const invokedMs = engine.now();
    let isOver = false;
    const over = (act: () => void): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      act();
      again();
    };
    const cancel = engine.at(PATIENCE_MS, () => over(failed));
    tell(place, who.host, address, () =>
      room.whenReady(address, () => {
        const isWritten = commit(connection, value);
        if (isWritten) ledger.committed(value, address, invokedMs);
        const host = place.hosts.get(address) ?? '?';
        tellHost(place, host, who.host, () => over(isWritten ? () => ledger.acknowledged(value) : failed));
      }),
    );
  }

  function commit(connection: Connection, value: string): boolean {
    try {
      if (connection.session === null) {
        connection.session = room.server(connection.address).connect();
        connection.sinceMs = engine.now();
        ledger.connected(connection);
      }
      connection.session.write(value);
      return true;
    } catch {
      return false;
    }
  }

  again();
}

function drop(place: Place, host: string, connection: Connection | null, forget: () => void): void {
  if (connection !== null) tell(place, host, connection.address, () => connection.session?.end());
  forget();
}

function tell(place: Place, from: string, address: string, arrive: () => void): void {
  tellHost(place, from, place.hosts.get(address) ?? '?', arrive);
}

function tellHost({ engine, network }: Place, from: string, to: string, arrive: () => void): void {
  const delayMs = network.delayMs(from, to);
  if (delayMs === Number.POSITIVE_INFINITY || !network.isUp(from, to)) return;
  engine.at(delayMs, () => network.isUp(from, to) && arrive());
}

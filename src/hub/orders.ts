import type { Redis } from 'ioredis';
import type { Orders } from '../ports.ts';
import { clusterKey } from './keys.ts';
import { rawOrders } from './raw.ts';
import { runScript, scripts } from './scripts.ts';
import { parseTopology, type RawOrders } from './state.ts';

export async function readOrders(redis: Redis, uniqsign: string): Promise<Orders> {
  const reply = await runScript(redis, scripts.orders, [], [clusterKey(uniqsign, 'topology')]);
  return ordersOf(uniqsign, rawOrders(reply));
}

/** A topology that was written or confirmed in another Redis process is not current. */
export function ordersOf(uniqsign: string, raw: RawOrders): Orders {
  const topology = parseTopology(uniqsign, raw.topology, () => {});
  return { topology, isCurrent: raw.incarnation !== '' && topology?.incarnation === raw.incarnation };
}

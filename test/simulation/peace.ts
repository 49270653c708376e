/** What peace must have healed: one open writer, the other closed and following it, or named diverged. */
import { extras } from '../../src/core/history.ts';
import type { History } from '../../src/core/model.ts';
import { Violation } from './ledger.ts';
import { A, B } from './setup.ts';
import type { Site } from './site.ts';

/** Why the site is not healed yet, or null. */
export async function whyNotHealed(site: Site): Promise<string | null> {
  const t = site.topology();
  const { room, proxies, setup } = site;
  const isOpen = (address: string): boolean => room.server(address).writable;
  for (const address of [A, B]) {
    if (room.server(address).state !== 'running') return `${address} does not run`;
  }
  const extra = await differences(site);
  // Each holds what the other lacks, neither is open, and what had been decided is lost or failed: a person must.
  const isOpenQuestion = t === null || t.phase === 'halted' || t.generation < site.ledger.highest();
  if (isOpenQuestion && extra.onA > 0 && extra.onB > 0 && !isOpen(A) && !isOpen(B)) return null;
  if (t === null) return 'there is no topology';
  if (t.phase !== 'stable' || t.writer === null) return `it is ${t.phase}: ${t.reason}`;
  if (!isOpen(t.writer)) return `the writer ${t.writer} is closed`;
  const other = t.writer === A ? B : A;
  if (isOpen(other)) return `${other} is open beside the writer`;
  for (const [host, { route }] of proxies) {
    if (route !== t.writer) return `the proxy on ${host} leads to ${route}`;
  }
  if (setup.blocks && (room.server(t.writer).locked || !room.server(other).locked))
    return 'accounts are not locked as they should be';
  const member = t.members.find((one) => one.address === other);
  const lost = t.writer === A ? extra.onB : extra.onA;
  if (member?.state === 'diverged') {
    const list = t.writer === A ? extra.listB : extra.listA;
    if (member.extra?.list !== list)
      return `${other} is said to hold ${member.extra?.list}, it holds ${list}`;
    return null;
  }
  if (lost > 0) return `${other} holds ${lost} transactions of its own and is said to be ${member?.state}`;
  if (member?.state !== 'online' && member?.state !== 'flapping') return `${other} is ${member?.state}`;
  return t.failedOver && t.writer !== A && setup.policy.failback === 'auto' && member.state === 'online'
    ? 'primaryhost has not got its role back'
    : null;
}

/** Throws when something that was acknowledged is on no server, or was lost although no server ever failed. */
export function expectNothingLost(site: Site): void {
  const { room, ledger, setup } = site;
  const held = new Set([...room.server(A).log, ...room.server(B).log].map((one) => one.value));
  const missing = [...ledger.told].filter((value) => !held.has(value));
  if (missing.length > 0)
    throw new Violation('I3', `acknowledged and nowhere: ${missing.slice(0, 5).join(', ')}`);
  const isDiverged = site.topology()?.members.some((one) => one.state === 'diverged');
  if (isDiverged && setup.faults === 'daemons')
    throw new Violation('I3', 'a member has diverged although no server and no way between them ever failed');
}

async function differences(site: Site): Promise<{ onA: number; onB: number; listA: string; listB: string }> {
  const historyOf = async (address: string): Promise<History> =>
    (await site.room.world.adapter(address).look(1000)).history;
  const [a, b] = [await historyOf(A), await historyOf(B)];
  const [onA, onB] = [extras(a, b), extras(b, a)];
  return { onA: onA.count, onB: onB.count, listA: onA.list, listB: onB.list };
}

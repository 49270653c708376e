/**
 * A clean stop leaves the server open, without a dead-man: nobody may then wait for its lease to lapse. Where Redis
 * cannot be told so, the dead-man stays.
 */
import type { Tenure } from '../core/tenure.ts';
import { HubError } from '../errors.ts';
import { sayingOf } from './grantors.ts';
import type { LeaseParts } from './lease-state.ts';

/** How long Redis is tried. */
const STOP_MS = 1000;
const AGAIN_MS = 100;

export async function leaveOpen(parts: LeaseParts): Promise<void> {
  const { clock, log, deadMan } = parts;
  const { tenure } = parts.state;
  const refused = tenure === null ? null : await takeBack(parts, tenure);
  if (refused === null) return deadMan.disarm();
  if (tenure === null || !deadMan.isArmed()) return;
  const byMs = (tenure.deadlineMs ?? clock.now()) - tenure.times.fenceMs / 2;
  log.warn(
    { generation: tenure.generation, reason: refused, closesInMs: Math.round(byMs - clock.now()) },
    'could not take back the lease: the server closes itself unless an agent starts beside it before',
  );
}

/** Why Redis goes on counting on the dead-man; null: it does not. */
async function takeBack(
  { id, address, hub, clock, state }: LeaseParts,
  { generation, isLost }: Tenure,
): Promise<string | null> {
  const { uniqsign } = state;
  if (uniqsign === null || isLost) return 'it was overtaken';
  const untilMs = clock.now() + STOP_MS;
  for (;;) {
    try {
      const grant = await hub.renewLease(uniqsign, { member: address, agent: id, generation, armed: false });
      return grant.says === 'granted' ? null : sayingOf(grant);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      if (clock.now() >= untilMs) return error.message;
      await clock.sleep(AGAIN_MS);
    }
  }
}

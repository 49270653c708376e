/**
 * What operators ask for, in every phase: a pause may have to be lifted, or a lost sidecar forgotten, to get out of
 * one. What they asked for a time ends here too, by the clock of Redis.
 */
import type { Event, Member, Request, Topology } from '../model.ts';
import { adjust, type Change, type Outcome, type Rule } from '../outcome.ts';
import type { Situation } from '../situation.ts';
import { answer, refuse } from './answers.ts';
import { failOver } from './failover.ts';

export const requestRules: readonly Rule[] = [
  {
    name: 'end what was asked for a time',
    when: 'a pause or a maintenance has lasted as long as it was asked for',
    decide: endInTime,
  },
  {
    name: 'carry out pause, resume, set_offline, set_online, forget',
    when: 'mmm-control asks for one of them',
    decide: administrate,
  },
  { name: 'carry out a failover', when: 'mmm-control asks for one', decide: failOver },
];

function endInTime(s: Situation): Outcome | null {
  const t = s.topology;
  if (t === null) return null;
  if (isOver(s, t.paused?.untilMs)) {
    const says = `the pause of ${t.paused?.by} is over`;
    return { says, change: { ...adjust(t, { paused: null }), events: [told(t, 'resume', says)] } };
  }
  const due = t.members.find((m) => m.state === 'maintenance' && isOver(s, m.maintenance?.untilMs));
  if (due === undefined) return null;
  const says = `the maintenance of ${due.address} is over`;
  const change = adjust(t, { members: changed(t, due.address, backInService) });
  return { says, change: { ...change, events: [told(t, 'set_online', says, due.address)] } };
}

function isOver(s: Situation, untilMs: number | null | undefined): boolean {
  return untilMs !== null && untilMs !== undefined && s.redisNowMs >= untilMs;
}

function administrate(s: Situation): Outcome | null {
  const t = s.topology;
  const request = s.requests.find((r) => r.verb !== 'switchover' && r.verb !== 'failover');
  if (t === null || request === undefined) return null;
  switch (request.verb) {
    case 'forget':
      return forget(t, request);
    case 'set_offline':
      return setOffline(s, t, request);
    case 'set_online':
      return setOnline(t, request);
    case 'resume':
      return resume(t, request);
    default:
      return pause(s, t, request);
  }
}

/** A second pause replaces the first: it may be meant to last longer, or shorter. */
function pause(s: Situation, t: Topology, request: Request): Outcome {
  const detail = `automatic failover is off ${request.forMs === null ? 'until resume' : `for ${inWords(request.forMs)}, or until resume`}`;
  if (t.paused !== null && t.paused.untilMs === null && request.forMs === null) {
    return { says: detail, answers: [answer(t, request, true, `${detail} already`)] };
  }
  const change = adjust(t, { paused: { by: request.by, untilMs: until(s, request) } });
  return carriedOut(change, t, request, { says: `paused by ${request.by}`, detail });
}

function resume(t: Topology, request: Request): Outcome {
  const detail = 'automatic failover is on';
  if (t.paused === null) return { says: detail, answers: [answer(t, request, true, `${detail} already`)] };
  const change = adjust(t, { paused: null });
  return carriedOut(change, t, request, { says: `resumed by ${request.by}`, detail });
}

/** Takes a sidecar off the register. */
function forget(t: Topology, request: Request): Outcome {
  const { sidecar } = request;
  if (sidecar === null || !t.sidecars.includes(sidecar)) {
    const known = t.sidecars.length === 0 ? 'none is' : `registered: ${t.sidecars.join(', ')}`;
    return refuse(t, request, `sidecar ${sidecar} is not registered (${known})`);
  }
  const detail = `sidecar ${sidecar} is forgotten`;
  const change = adjust(t, { sidecars: t.sidecars.filter((known) => known !== sidecar) });
  return {
    says: detail,
    change: { ...change, takes: request.id, answers: [answer(t, request, true, detail)] },
  };
}

function setOffline(s: Situation, t: Topology, request: Request): Outcome {
  const found = memberOf(t, request);
  if ('why' in found) return refuse(t, request, found.why);
  const { address, state } = found.member;
  const why = whyNotOffline(t, address, state);
  if (why !== null) return refuse(t, request, why);
  const maintenance = { by: request.by, untilMs: until(s, request) };
  const change = adjust(t, {
    members: changed(t, address, (member) => ({ ...member, state: 'maintenance', maintenance })),
  });
  const howLong =
    request.forMs === null ? 'until set_online' : `for ${inWords(request.forMs)}, or until set_online`;
  const detail = `${address} is in maintenance ${howLong}${alone(t, address)}`;
  return carriedOut(change, t, request, { says: `${detail}, asked by ${request.by}`, detail });
}

function whyNotOffline(t: Topology, address: string, state: Member['state']): string | null {
  if (address === t.writer) return `${address} is the writer: switch over first`;
  if (t.phase === 'closing' || t.phase === 'opening') {
    return `a ${t.kind} is under way (generation ${t.generation}, ${t.phase}): try again when it is stable`;
  }
  return state === 'diverged'
    ? `${address} is diverged: it is closed, no target and does not replicate as it is`
    : null;
}

function setOnline(t: Topology, request: Request): Outcome {
  const found = memberOf(t, request);
  if ('why' in found) return refuse(t, request, found.why);
  const { address, state } = found.member;
  switch (state) {
    case 'maintenance': {
      const change = adjust(t, { members: changed(t, address, backInService) });
      const detail = `${address} is back from maintenance: it is looked at, and online once it follows the writer`;
      return carriedOut(change, t, request, { says: detail, detail });
    }
    case 'flapping': {
      const change = adjust(t, {
        members: changed(t, address, (member) => ({ ...member, state: 'online' })),
      });
      const detail = `${address} is online, its outages are forgotten`;
      return carriedOut(change, t, request, { says: detail, detail });
    }
    case 'online':
      return {
        says: `${address} is online`,
        answers: [answer(t, request, true, `${address} is online already`)],
      };
    case 'diverged':
      return refuse(
        t,
        request,
        `${address} is diverged: its data differ from the writer's, and saying so does not change them. It must be rebuilt, or its transactions dealt with`,
      );
    default:
      return refuse(t, request, `${address} is ${state}: it is online by itself once it follows the writer`);
  }
}

/** Judged afresh, as a member that was never seen. */
function backInService(member: Member): Member {
  const { maintenance: _, ...rest } = member;
  return { ...rest, state: 'unknown' };
}

function memberOf(t: Topology, request: Request): { readonly member: Member } | { readonly why: string } {
  const member = t.members.find((m) => m.address === request.member);
  if (member !== undefined) return { member };
  const known = t.members.map(({ address }) => address).join(', ');
  return { why: `${request.member} is not a member (members: ${known})` };
}

function changed(t: Topology, address: string, change: (member: Member) => Member): Member[] {
  return t.members.map((m) => (m.address === address ? change(m) : m));
}

function alone(t: Topology, address: string): string {
  const others = t.members.filter((m) => m.address !== address && m.role === 'standby');
  const isFit = others.some((m) => m.state === 'online' || m.state === 'flapping');
  return isFit ? '' : '. Nobody could take over from the writer meanwhile';
}

function until(s: Situation, { forMs }: Request): number | null {
  return forMs === null ? null : s.redisNowMs + forMs;
}

function inWords(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return `${ms / 1000} s`;
}

function carriedOut(
  change: Change,
  t: Topology,
  request: Request,
  { says, detail }: { readonly says: string; readonly detail: string },
): Outcome {
  const reason = `asked by ${request.by}`;
  const events = [{ ...told(t, request.verb, reason, request.member ?? ''), by: 'mmm-control' }];
  const answers = [answer(t, request, true, detail)];
  return { says, change: { ...change, takes: request.id, answers, events } };
}

function told(t: Topology, kind: string, reason: string, from = ''): Event {
  const { generation, phase } = t;
  return { kind, generation, phase, from, to: '', proof: '', reason, loss: '', took: '', by: 'mmm-identify' };
}

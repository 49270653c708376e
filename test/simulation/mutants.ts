/**
 * Bugs planted into the product, or into what it stands on, one at a time: the simulation is worth what it catches.
 * Each replaces text of a compiled module, which must be there exactly once.
 */
import { readFileSync } from 'node:fs';
import { type Edit, playAll } from './pool.ts';

interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const LOCK = 'test/support/fake-lock.ts';
const GATES = 'src/core/gates.ts';
const PROMOTE = 'src/daemons/promote.ts';

const noLastLook: Edit = {
  file: PROMOTE,
  line: 'return answers.find((answer) => answer !== null) ?? null;',
  instead: 'return null;',
};
const openAtAnyTime: Edit = {
  file: LOCK,
  line: 'if (isHeard && nowMs() - askedMs <= WANTED_MS)',
  instead: 'if (isHeard)',
};
const openWithoutTheLock: Edit = {
  file: LOCK,
  line: 'const sent = send();',
  instead: "const sent = server.state === 'running' ? 'answered' : 'lost';",
};
const noDeadMan: Edit = {
  file: LOCK,
  line: 'server.deadMen = [{ firesAtMs: nowMs + ms }];',
  instead: '',
};
const anyLeaseExpires: Edit = {
  file: 'src/core/held-lease.ts',
  line: "return lease !== null && lease.agent !== '' && lease.armed;",
  instead: 'return lease !== null;',
};
const openOneDoesNotMatter: Edit = {
  file: GATES,
  line: 'if (isSeenOpen(s, address))',
  instead: 'if (false)',
};

const anyGeneration: Edit = {
  file: 'src/daemons/agent.ts',
  line: 't === null || t.generation < memory.floor(uniqsign)',
  instead: 't === null',
};

const mutants: readonly Mutant[] = [
  { name: 'no dead-man, though it is said to be armed', edits: [noDeadMan] },
  {
    name: 'the dead-man sleeps until the deadline of the next term',
    edits: [
      {
        file: 'src/core/tenure.ts',
        line: 'tenure.deadlineMs - fenceMs / 2 - nowMs',
        instead: 'tenure.deadlineMs + tenure.times.termMs - nowMs',
      },
    ],
  },
  {
    name: 'the server opens however late it is asked to',
    edits: [
      openAtAnyTime,
      { file: LOCK, line: 'const IDLE_MS = 2000;', instead: 'const IDLE_MS = 120_000;' },
    ],
  },
  {
    name: "opening over another connection than the lock's",
    edits: [openAtAnyTime, openWithoutTheLock],
  },
  {
    name: 'the loss of the lock goes unnoticed, and another connection opens',
    edits: [
      openAtAnyTime,
      openWithoutTheLock,
      {
        file: 'src/daemons/lock-holder.ts',
        line: 'if ((await mine.lock.keep()) || hold !== mine)',
        instead: 'if ((await mine.lock.keep()) || true)',
      },
    ],
  },
  {
    name: 'the lapse of a lease counts although no dead-man was armed',
    edits: [anyLeaseExpires, openOneDoesNotMatter],
  },
  {
    name: 'a dead agent and a living server: (c) is taken, without a dead-man or a last look',
    edits: [noDeadMan, openOneDoesNotMatter, noLastLook],
  },
  {
    name: 'W is far shorter than a term',
    edits: [{ file: 'src/core/lease.ts', line: 'waitMs: termMs * 1.3,', instead: 'waitMs: termMs * 0.1,' }],
  },
  {
    name: 'F is nothing, and W half a term',
    edits: [
      { file: 'src/core/lease.ts', line: 'fenceMs: termMs * 0.4,', instead: 'fenceMs: 0,' },
      { file: 'src/core/lease.ts', line: 'waitMs: termMs * 1.3,', instead: 'waitMs: termMs * 0.5,' },
    ],
  },
  {
    name: 'neither W of identify nor W of the lock is waited for',
    edits: [
      { file: GATES, line: 'if (s.phaseMs >= waitMs && lockedMs >= waitMs)', instead: 'if (true)' },
      { file: PROMOTE, line: "t.proof === 'c' ? leaseWaitMs(t) - options.lock.heldMs() : 0", instead: '0' },
    ],
  },
  {
    name: 'time is taken from the clock of Redis instead of a stopwatch',
    edits: [
      {
        file: GATES,
        line: 'if (s.phaseMs >= waitMs && lockedMs >= waitMs)',
        instead: 'if (s.phaseMs >= waitMs)',
      },
      { file: PROMOTE, line: "t.proof === 'c' ? leaseWaitMs(t) - options.lock.heldMs() : 0", instead: '0' },
      {
        file: 'src/core/watch.ts',
        line: 'const { cluster, nowMs } = options;\n    const isAnew',
        instead: 'const { cluster } = options; const nowMs = reading.redisNowMs;\n    const isAnew',
      },
      {
        file: 'src/core/watch.ts',
        line: 'return isGap || reading.incarnation !== previous.incarnation || options.isNewLeader === true;',
        instead: 'return false;',
      },
    ],
  },
  {
    name: 'orders count that another Redis process kept, or that are older than those before',
    edits: [
      {
        file: 'src/hub/orders.ts',
        line: "isCurrent: raw.incarnation !== '' && topology?.incarnation === raw.incarnation",
        instead: 'isCurrent: topology !== null',
      },
      anyGeneration,
      noLastLook,
    ],
  },
  {
    name: 'changes are stored without comparing',
    edits: [
      {
        file: 'test/support/memory-hub.ts',
        line: "if (textOf(redis, key('topology')).text !== commit.basedOn)",
        instead: 'if (false)',
      },
    ],
  },
  {
    name: 'the peer gives a term although its lock is taken, and is no witness',
    edits: [
      { file: 'src/daemons/grantors.ts', line: 'return readOnly && lockFree;', instead: 'return readOnly;' },
      noLastLook,
      openOneDoesNotMatter,
      {
        file: 'src/core/witness.ts',
        line: 'return linksFrom(s, address).some(hears);',
        instead: 'return false;',
      },
      { file: 'src/core/witness.ts', line: 'linksFrom(s, address).every(isLate)', instead: 'true' },
    ],
  },
  {
    name: 'the peer is never asked',
    edits: [
      {
        file: 'src/daemons/grantors.ts',
        line: 'peersOf !== null && (await askPeers(',
        instead: 'false && (await askPeers(',
      },
    ],
  },
  {
    name: 'an agent that starts beside an open server takes back its dead-man and trusts in an old right',
    edits: [
      {
        file: 'src/daemons/lease-renewal.ts',
        line: 'state.tenure = begin(generation, times, nowMs + TRIAL_MS);',
        instead:
          'void server.disarm(); state.tenure = granted(begin(generation, { ...times, termMs: 60_000 }), nowMs);',
      },
    ],
  },
  {
    name: 'nothing is waited for after Redis came back empty',
    edits: [{ file: 'src/core/rules/bootstrap.ts', line: 'SETTLE_MS = 2200', instead: 'SETTLE_MS = 0' }],
  },
  {
    name: 'a report of being closed counts for any generation',
    edits: [
      {
        file: GATES,
        line: "if (wordAt(s, t, address)?.did === 'closed')",
        instead: "if (s.agents.get(address)?.report.did === 'closed')",
      },
      noLastLook,
    ],
  },
  {
    name: 'a lost connection counts as the end of the server',
    edits: [
      {
        file: 'src/daemons/local-process.ts',
        line: 'if ((await host.isGone(one).catch(reported)) === true)',
        instead: 'if (true)',
      },
      noLastLook,
    ],
  },
  {
    name: 'open before close',
    edits: [
      {
        file: 'src/core/rules/handover.ts',
        line: "const found = gate(s, t);\n    if ('waitsFor' in found)\n        return null;",
        instead: "const found = { proof: 'a' };",
      },
      noLastLook,
    ],
  },
  {
    name: 'the link from the old writer is neither stopped nor parked',
    edits: [
      {
        file: 'src/core/outcome.ts',
        line: 'export function parkBoth(list, a, b) {',
        instead: 'export function parkBoth(list, a, b) {\n    return list;',
      },
      {
        file: PROMOTE,
        line: 'if (isCrash && link !== undefined) {',
        instead: 'if (false) {',
      },
      {
        file: PROMOTE,
        line: 'if (isCrash && link !== undefined)\n        await server.stopLink(link.from);',
        instead: '',
      },
    ],
  },
  {
    name: 'sessions outlive the close',
    edits: [
      {
        file: 'test/support/fake-server.ts',
        line: 'inside.writable = false;\n    endSessions(inside);',
        instead: 'inside.writable = false;',
      },
    ],
  },
  {
    name: 'a generation may open a server again',
    edits: [
      {
        file: 'src/core/plan.ts',
        line: 'if (r.spent < t.generation && !isOver)',
        instead: 'if (look.readOnly)',
      },
    ],
  },
  {
    name: 'the new writer opens before it holds everything',
    edits: [
      {
        file: 'src/core/promotion.ts',
        line: 'export function readiness(t, look, link) {',
        instead: "export function readiness(t, look, link) {\n    return 'ready';",
      },
    ],
  },
  {
    name: 'an older topology is followed',
    edits: [anyGeneration],
  },
];

/** True when every one (or the one of this name) was caught within so many seeds. */
export async function catchMutants(only: string | null, seeds: number): Promise<boolean> {
  const lost = mutants.flatMap(({ edits }) => edits).filter((edit) => timesFound(edit) !== 1);
  for (const { file, line } of lost) console.log(`NOT FOUND once in ${file}: ${line}`);
  if (lost.length > 0) return false;
  let missed = 0;
  for (const { name, edits } of mutants.filter((one) => only === null || one.name.includes(only))) {
    const found = await hunt(edits, seeds);
    if (found === null) missed += 1;
    console.log(found === null ? `NOT CAUGHT in ${seeds} seeds: ${name}` : `${found}: ${name}`);
  }
  return missed === 0;
}

async function hunt(edits: readonly Edit[], seeds: number): Promise<string | null> {
  let first: { seed: number; what: string } | null = null;
  let tried = 0;
  const orders = Array.from({ length: seeds }, (_, n) => ({
    seed: n + 1,
    story: false,
    talk: false,
    crash: null,
  }));
  await playAll(orders, {
    edits,
    onPlayed: ({ seed, violation }) => {
      tried += 1;
      // A program that falls over is no catch.
      if (violation === null || violation.id === 'crash') return 'go on';
      if (first === null || seed < first.seed) first = { seed, what: violation.id };
      return 'enough';
    },
  });
  const caught = first as { seed: number; what: string } | null;
  return caught === null ? null : `caught by ${caught.what} in seed ${caught.seed} (${tried} played)`;
}

function timesFound({ file, line }: Edit): number {
  const compiled = new URL(`../../${file.replace(/\.ts$/, '.js')}`, import.meta.url);
  return readFileSync(compiled, 'utf8').split(line).length - 1;
}

/** What README promises somebody will read at 3 a.m. is what the programs print. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statusText } from '../../src/cli/status-text.ts';
import type { LegacyCheck, MemberReport, Probe } from '../../src/core/model.ts';
import { clusterStatus, type StatusInput, unknownStatus } from '../../src/core/status.ts';
import { hubError } from '../../src/hub/trouble.ts';
import { A, anAgentReport, aProbe, aTopology, B, SIGN, someFacts } from '../support/documents.ts';

const ROOT = join(import.meta.dirname, '../..');
const NOW_S = 1_763_630_000;
const LOCKED_OUT = `accounts of ${B} could not be locked: denied (error 1227); run: GRANT CREATE USER ON *.*`;
const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'));

describe('the 3 a.m. table of README', () => {
  const quotes = quotesOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  const printed = situations().map((over) => statusText(clusterStatus({ ...well(), ...over })));
  printed.push(statusText(unknownStatus('mysql3308', SIGN, withoutRedis())));

  it('quotes something in most of its rows', () => {
    expect(quotes.length).toBeGreaterThan(15);
  });

  it.each(quotes)('quotes what is printed: %s', (quote) => {
    // "..." stands for what differs from case to case.
    const parts = quote.split('...');
    const isSource = sources.some((text) => parts.every((part) => text.includes(part)));
    expect(printed.some((text) => text.includes(quote)) || isSource).toBe(true);
  });
});

function quotesOf(readme: string): string[] {
  const table = readme.slice(readme.indexOf('## It is 3 a.m.'), readme.indexOf('## Speed'));
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| you see'));
  return rows.flatMap((row) =>
    [
      ...row
        .split('|')
        .slice(1, 3)
        .join()
        .matchAll(/`([^`]+)`/g),
    ].map((hit) => hit[1] ?? ''),
  );
}

function situations(): Partial<StatusInput>[] {
  const handover = { kind: 'failover', from: A, to: B, writer: null, generation: 43 } as const;
  const closing = { ...handover, phase: 'closing', routedBySidecars: true } as const;
  const reason = 'replication stopped with an error';
  const refused = { status: 'faulty', look: null, reason: 'Access denied (error 1045)' } as const;
  const diverged = aTopology().members.map((member) =>
    member.address === A
      ? { ...member, state: 'diverged' as const, extra: { count: 3, list: '0-1-7' } }
      : member,
  );
  const short = aTopology().members.map((member) =>
    member.address === A
      ? { ...member, state: 'diverged' as const, extra: { count: 3, list: '0-1-7', lost: true as const } }
      : member,
  );
  const flapping = aTopology().members.map((member) =>
    member.address === A ? { ...member, state: 'flapping' as const } : member,
  );
  return [
    {},
    { topology: aTopology({ writer: B, to: B, members: diverged }) },
    { topology: aTopology({ ...handover, phase: 'halted', reason }) },
    { ...dead(), topology: aTopology({ ...closing, sidecars: ['lb2'] }), agents: [says(A, 'unreachable')] },
    { ...dead(), topology: aTopology(closing) },
    {
      ...dead(),
      topology: aTopology({ ...handover, phase: 'opening' }),
      agents: [anAgentReport({ serves: [A] })],
    },
    { ...dead(), topology: aTopology({ sidecars: ['lb2'] }) },
    { checks: checks({}, { last_check: String(NOW_S - 40) }) },
    { checks: checks({}, { ping: '0' }), facts: facts(aProbe(), aProbe(refused)) },
    { checks: checks({}, { read_only: '0' }) },
    { topology: aTopology({ proof: 'e' }) },
    { topology: aTopology({ proof: 'operator' }) },
    { leader: { id: 'vm1', counter: 7, ageMs: 40_000 } },
    { agents: [says(B, 'closed', `accounts of ${B} could not be locked: SELECT command denied`)] },
    { topology: null },
    { topology: null, topologyStored: false, agents: [] },
    { topology: null, topologyStored: false, agents: [anAgentReport({ floor: 42 })] },
    { legacy: { active: B, passive: A, masterHost: B } },
    { topology: aTopology({ writer: B, to: B, members: flapping }) },
    { topology: aTopology({ writer: B, to: B, members: short }) },
    { agents: [says(B, 'closed', LOCKED_OUT)] },
  ];
}

function well(): StatusInput {
  return {
    tag: 'mysql3308',
    uniqsign: SIGN,
    masters: [A, B],
    topology: aTopology(),
    topologyStored: true,
    legacy: { active: A, passive: B, masterHost: A },
    checks: checks({}, {}),
    facts: [someFacts()],
    agents: [anAgentReport()],
    sidecars: [],
    lease: null,
    leader: { id: 'vm1', counter: 7, ageMs: 200 },
    redisNowMs: NOW_S * 1000,
    canFence: false,
    complaints: [],
    nowEpochMs: NOW_S * 1000,
    noWriterSinceEpochMs: null,
    writePauseMs: 2000,
  };
}

function dead(): Pick<StatusInput, 'checks' | 'facts'> {
  const silent = aProbe({ status: 'silent', forMs: 9000, failures: 9, look: null, reason: 'no answer' });
  return { checks: checks({ ping: '0', read_only: '-1' }, {}), facts: facts(silent, aProbe()) };
}

function facts(a: Probe, b: Probe): StatusInput['facts'] {
  return [someFacts({ members: { [A]: a, [B]: b } })];
}

function checks(a: Partial<LegacyCheck>, b: Partial<LegacyCheck>): StatusInput['checks'] {
  const check: LegacyCheck = {
    ping: '1',
    repl_check: 'OK',
    read_only: '1',
    delay_sec: '0',
    conn_nums: '0',
    last_check: String(NOW_S - 1),
  };
  return new Map([
    [A, { ...check, read_only: '0', ...a }],
    [B, { ...check, ...b }],
  ]);
}

function says(address: string, did: MemberReport['did'], accounts = ''): StatusInput['agents'][number] {
  const word: MemberReport = {
    generation: 43,
    step: 0,
    did,
    detail: 'no answer within 1000 ms',
    look: null,
    startsClosed: null,
    tookMs: 0,
    accounts,
    local: false,
    lockedMs: 0,
    termMs: 0,
  };
  return anAgentReport({ members: { [address]: word } });
}

function withoutRedis(): string {
  const error = new Error('connect ECONNREFUSED');
  return hubError(error, { host: '10.0.21.17', port: 6379 }).message;
}

/**
 * A notice as a mail for a tired person: first the two lines that the ancestor sent, or their like, for filters
 * and scripts; then what happened, why, what it may have cost, and what to do.
 *
 * Reasons come from servers and from Redis: each becomes one line of bounded length without control
 * characters, and stands behind a label, so none of it can pass for a header or for a line of ours.
 */
import { isRisk } from './gates.ts';
import { upTo } from './history.ts';
import { mastersOtherThan } from './members.ts';
import type { Proof, Topology } from './model.ts';
import type { Notice, Turn } from './notice.ts';

export interface NoticeText {
  /** The same for the same notice, wherever and whenever it is written: letters, digits, `_`, `.` and `-`. */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
}

/** What a filter of the ancestor's users looks for: the whole subject for a change, its beginning for the others. */
const SUBJECT = 'mmm-manager change';
const WIDTH = 76;
const LONGEST = 1000;
/** A mail server need not take more than 998 octets in a line: what is longer than this is broken. */
const LONGEST_OCTETS = 900;

export interface Writing {
  /** The topology when the notice is written. */
  readonly now: Topology;
  /** Who writes it, for example `mmm-agent db1`. */
  readonly by: string;
  /** A time for people. */
  readonly utc: (epochMs: number) => string;
}

export function noticeText(notice: Notice, writing: Writing): NoticeText {
  const { now, by } = writing;
  const { head, id, subject, story } = partsOf(notice, writing);
  const text = [
    ...head,
    '',
    ...story,
    '',
    ...commands(now.tag),
    '',
    '-- ',
    `Sent by ${line(by)} for cluster ${now.tag}.`,
    '',
  ].join('\n');
  return { id: id.replace(/[^A-Za-z0-9_.-]/g, '_'), subject, text };
}

interface Parts {
  readonly id: string;
  readonly subject: string;
  readonly head: readonly string[];
  readonly story: readonly string[];
}

function partsOf(notice: Notice, writing: Writing): Parts {
  switch (notice.what) {
    case 'changed':
      return changed(notice, writing);
    case 'halted':
      return halted(notice, writing);
    case 'diverged':
      return diverged(notice, writing);
  }
}

function changed(notice: Extract<Notice, { what: 'changed' }>, writing: Writing): Parts {
  const { now } = writing;
  const { turn, writer, before } = notice;
  const passive = mastersOtherThan(now, writer)[0] ?? writer;
  return {
    id: `${now.uniqsign}.${turn.generation}.changed`,
    subject: SUBJECT,
    head: [
      '+-- active-passive changed',
      `+-- active: ${writer}, passive: ${passive}, uniqsign: ${now.uniqsign}`,
    ],
    story: [
      ...paragraph(`[${now.tag}] ${turn.kind}: ${writer} takes the writes now, ${before} took them before.`),
      ...sinceThen(turn, now),
      ...risk(turn, before),
      '',
      ...when(writing, turn),
      ...labelled('why', turn.reason),
      ...labelled('old writer', turn.proof === null ? '' : PROOFS[turn.proof]),
      ...labelled('lost', lossOf(turn)),
      ...labelled(
        'took',
        turn.pauseMs === null ? '' : `${turn.pauseMs} ms from closing the old writer to opening the new one`,
      ),
      '',
      'What to do',
      ...paragraph(nextSteps(turn, before, writer), '  '),
    ],
  };
}

function halted(notice: Extract<Notice, { what: 'halted' }>, writing: Writing): Parts {
  const { now } = writing;
  const { turn, before } = notice;
  return {
    id: `${now.uniqsign}.${turn.generation}.halted`,
    subject: `${SUBJECT}: HALTED [${now.tag}]`,
    head: [
      '+-- active-passive halted',
      `+-- active: none, last active: ${before ?? 'unknown'}, uniqsign: ${now.uniqsign}`,
    ],
    story: [
      ...paragraph(`[${now.tag}] HALTED: nobody takes writes. Every application that writes is down.`),
      ...sinceThen(turn, now),
      '',
      ...when(writing, turn),
      ...labelled('why', turn.reason),
      ...labelled('tried', `${turn.kind}${way(turn)}`),
      ...labelled('last writer', before ?? ''),
      '',
      'What to do',
      ...paragraph(
        `Mend the reason above, or bring ${before ?? 'the last writer'} back with its data: it goes on by itself, ` +
          'nothing has to be restarted. Do not open a server by hand: one that lacks transactions of the other ' +
          'would overwrite them.',
        '  ',
      ),
    ],
  };
}

function diverged(notice: Extract<Notice, { what: 'diverged' }>, writing: Writing): Parts {
  const { now } = writing;
  const { generation, address, writer, count, lost, list, lostBy } = notice;
  return {
    id: `${now.uniqsign}.${generation}.diverged.${address}`,
    subject: `${SUBJECT}: DIVERGED [${now.tag}]`,
    head: [
      '+-- active-passive diverged',
      `+-- diverged: ${address}, active: ${writer ?? 'none'}, uniqsign: ${now.uniqsign}`,
    ],
    story: [
      ...paragraph(
        lost
          ? `[${now.tag}] DIVERGED: ${address} lost transactions of its own that ${writer ?? 'the writer'} still ` +
              'holds. Replication would skip what it wrote itself, so it would lack them for ever.'
          : `[${now.tag}] DIVERGED: ${address} holds transactions that ${writer ?? 'the writer'} lacks. ` +
              'They were written there and never reached the other server.',
      ),
      ...sinceThen(notice, now),
      '',
      ...when(writing, notice),
      ...labelled(lost ? 'lost' : 'too many', list === '' ? upTo(count) : `${upTo(count)}: ${list}`),
      ...labelled('lost by', lostBy === undefined ? '' : `the failover of generation ${lostBy}`),
      ...labelled(
        'kept',
        `${address} is kept closed (read-only) and does not replicate; nothing of it was merged or thrown away`,
      ),
      ...labelled(
        'meanwhile',
        writer === null
          ? 'nobody takes writes'
          : `${writer} takes the writes, but ${address} cannot take over from it`,
      ),
      '',
      'What to do',
      ...paragraph(
        (lost
          ? ''
          : `Look at these transactions in the binary log of ${address} (mariadb-binlog or mysqlbinlog) and decide ` +
            'what of them is still needed. Then ') +
          `${lost ? 'Rebuild' : 'rebuild'} ${address} from ${writer ?? 'the writer'}: it joins by itself.`,
        '  ',
      ),
    ],
  };
}

const PROOFS: Readonly<Record<Proof, string>> = {
  a: 'closed by the agent: read-only, every session ended (proof a)',
  b: 'its server process is gone, and it starts read-only (proof b)',
  'b-weak': 'its server process is gone, but it is not known to start read-only (weak proof b)',
  c: 'not reached; its lease has ended, and by then it closes itself (proof c)',
  d: 'put out of service by fence_cmd (proof d)',
  e: 'not reached; every sidecar has cut it off, clients are not led to it any more (proof e)',
  f: 'not reached; it was silent, and the other server heard nothing from it either (proof f)',
  operator: 'not reached; the person who asked for the failover vouched that it is off',
};

const RISKS = {
  'b-weak': 'when it comes back it may take writes until it is closed',
  e: 'it may still be open, and whoever connects to it directly may write to it',
  f: 'it may still be open and take writes',
  operator: 'if it was not off, it may still be open and take writes',
} as const;

function risk({ proof }: Turn, before: string): readonly string[] {
  if (proof === null || !isRisk(proof) || !(proof in RISKS)) return [];
  const why = RISKS[proof as keyof typeof RISKS];
  return [
    '',
    ...paragraph(
      `SPLIT-BRAIN RISK: ${before} could not be proven closed; ${why}. Make sure now that nobody writes there: ` +
        'stop its server process, or SET GLOBAL read_only=1.',
    ),
  ];
}

function lossOf(turn: Turn): string {
  if (turn.loss !== '') return turn.loss;
  if (turn.kind === 'failover') return 'unknown until the old writer returns';
  return turn.kind === 'switchover' ? 'nothing' : '';
}

function nextSteps(turn: Turn, before: string, writer: string): string {
  if (turn.kind === 'switchover') return 'Nothing: it was planned, and the old writer stands by.';
  const back =
    `it is kept closed and compared with ${writer}; it joins as standby when it holds nothing too many, ` +
    'else a mail about the divergence follows.';
  if (turn.kind === 'failover') return `Find out why ${before} failed, and start it again: ${back}`;
  return `Look at ${before}: when it is there, ${back}`;
}

/** Some news is told late: the agent was away. */
function sinceThen({ generation }: Pick<Turn, 'generation'>, now: Topology): readonly string[] {
  if (now.generation <= generation) return [];
  const state = now.writer === null ? `${now.phase}, nobody takes writes` : `${now.writer} takes the writes`;
  return ['', ...paragraph(`THIS IS OLD NEWS: by now it is generation ${now.generation}, ${state}.`)];
}

function commands(tag: string): readonly string[] {
  const status = `mmm-status --tag ${tag}`;
  const events = `mmm-status events --tag ${tag}`;
  return [`  ${status.padEnd(events.length)}   how it is now`, `  ${events}   what happened, step by step`];
}

function when(
  { utc }: Writing,
  { generation, atEpochMs }: Pick<Turn, 'generation' | 'atEpochMs'>,
): readonly string[] {
  const at = atEpochMs === null ? '' : `${utc(atEpochMs)}, `;
  return labelled('when', `${at}generation ${generation}`);
}

function way({ from, to }: Turn): string {
  return `${from === null ? '' : ` from ${from}`}${to === null ? '' : ` to ${to}`}`;
}

/** Nothing when there is nothing to say. */
function labelled(label: string, value: string): readonly string[] {
  const text = line(value);
  if (text === '') return [];
  const [first = '', ...rest] = wrapped(text, WIDTH - LABEL);
  return [`  ${label}`.padEnd(LABEL) + first, ...rest.map((one) => ' '.repeat(LABEL) + one)];
}

const LABEL = 15;

function paragraph(text: string, indent = ''): readonly string[] {
  return wrapped(line(text), WIDTH - indent.length).map((one) => indent + one);
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').flatMap(pieces)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function pieces(word: string): readonly string[] {
  const all: string[] = [];
  let octets = Number.POSITIVE_INFINITY;
  for (const character of word) {
    const more = octetsOf(character);
    octets += more;
    if (octets <= LONGEST_OCTETS) all[all.length - 1] += character;
    else {
      all.push(character);
      octets = more;
    }
  }
  return all;
}

/** In UTF-8. */
function octetsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

function line(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ').trim();
  return plain.length > LONGEST ? `${plain.slice(0, LONGEST)} ...` : plain;
}

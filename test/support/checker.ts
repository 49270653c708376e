/**
 * The verdict over a run, pure: what clients were told against what the servers hold at the end.
 *
 * - Nothing acknowledged is lost, nothing is there twice, nothing is there that nobody wrote.
 * - A counter lies between the acknowledged additions and those plus the unknown ones.
 * - Two members are never writable at one instant, and the writes they took do not alternate more often than the
 *   writer was changed.
 * - At the end the members hold the same, or a member is reported as diverged, and then exactly what it has more
 *   than the writer is what was reported. After a crash a lost acknowledged write must be among that.
 */
import { provenChanges, type Taken } from './alternation.ts';
import { countOf, type Operation } from './journal.ts';

/** The rows of one server at the end of a run. */
export interface Holding {
  readonly address: string;
  /** One `client/n` per row, as often as it is there. */
  readonly set: readonly string[];
  /** Value per client's row. */
  readonly counters: ReadonlyMap<number, number>;
  readonly shared: number;
  /** `client/n` -> number of the server that took the write. */
  readonly takenBy?: ReadonlyMap<string, number>;
}

export interface Evidence {
  readonly journal: readonly Operation[];
  readonly writer: Holding;
  readonly others: readonly Holding[];
  /** Instants at which a sampler saw two members writable. */
  readonly twoWritable: number;
  /** Transactions reported as extra, by address of the diverged member. */
  readonly reportedExtra: ReadonlyMap<string, number>;
  /**
   * Transactions that a member holds and the writer lacks, as the judge counted them; without it its rows of `set`
   * are counted, which is the same where nothing else is written.
   */
  readonly heldMore?: ReadonlyMap<string, number>;
  /** Writes of observers of which it is known who took them. */
  readonly observed?: readonly Taken[];
  /** How often the topology named another writer; without it nothing is said about alternation. */
  readonly changes?: number;
}

export interface Verdict {
  readonly ok: boolean;
  /** Sentences, each beginning with the name of a broken rule; empty when ok. */
  readonly complaints: readonly string[];
  readonly acknowledged: number;
  readonly unknown: number;
  /** Acknowledged but not on the writer, reported or not. */
  readonly lost: number;
}

/** Judges a run. An acknowledged write may be missing only when a diverged member was reported to hold it. */
export function check(evidence: Evidence): Verdict {
  const lost = lostRows(evidence);
  const complaints = [
    ...lossComplaints(evidence, lost),
    ...duplicateComplaints(evidence),
    ...phantomComplaints(evidence),
    ...counterComplaints(evidence),
    ...twoWritableComplaints(evidence),
    ...alternationComplaints(evidence),
    ...differenceComplaints(evidence),
  ];
  return {
    ok: complaints.length === 0,
    complaints,
    acknowledged: countOf(evidence.journal, 'ok'),
    unknown: countOf(evidence.journal, 'unknown'),
    lost: lost.length,
  };
}

function lostRows({ journal, writer }: Evidence): readonly string[] {
  const there = new Set(writer.set);
  return journal
    .filter((operation) => operation.work === 'set' && operation.outcome === 'ok')
    .map(rowOf)
    .filter((row) => !there.has(row));
}

function lossComplaints(evidence: Evidence, lost: readonly string[]): readonly string[] {
  const reported = new Set(
    evidence.others
      .filter((holding) => (evidence.reportedExtra.get(holding.address) ?? 0) > 0)
      .flatMap((holding) => holding.set),
  );
  const unreported = lost.filter((row) => !reported.has(row));
  return unreported.length === 0
    ? []
    : [
        `lost: ${unreported.length} acknowledged rows are gone and no diverged member holds them: ${some(unreported)}`,
      ];
}

function duplicateComplaints({ writer, others }: Evidence): readonly string[] {
  return [writer, ...others].flatMap((holding) => {
    const seen = new Set<string>();
    const twice = holding.set.filter((row) => seen.size === seen.add(row).size);
    return twice.length === 0 ? [] : [`duplicate: rows stand twice on ${holding.address}: ${some(twice)}`];
  });
}

function phantomComplaints({ journal, writer, others }: Evidence): readonly string[] {
  const possible = new Set(
    journal.filter((operation) => operation.work === 'set' && operation.outcome !== 'fail').map(rowOf),
  );
  return [writer, ...others].flatMap((holding) => {
    const invented = holding.set.filter((row) => !possible.has(row));
    return invented.length === 0
      ? []
      : [`phantom: ${holding.address} holds rows that nobody wrote, or that were refused: ${some(invented)}`];
  });
}

function counterComplaints(evidence: Evidence): readonly string[] {
  const { journal, writer } = evidence;
  const clients = [...new Set(journal.filter(({ work }) => work === 'counter').map(({ client }) => client))];
  const own = clients.map((client) => ({
    name: `of client ${client}`,
    value: writer.counters.get(client) ?? 0,
    additions: journal.filter((operation) => operation.work === 'counter' && operation.client === client),
  }));
  const shared = {
    name: 'of all clients',
    value: writer.shared,
    additions: journal.filter((operation) => operation.work === 'shared'),
  };
  const reported = [...evidence.reportedExtra.values()].reduce((sum, count) => sum + count, 0);
  return [...own, shared].flatMap(({ name, value, additions }) => {
    const least = countOf(additions, 'ok');
    const most = least + countOf(additions, 'unknown');
    if (value < least - reported)
      return [`counter: the row ${name} is short: ${value}, acknowledged ${least}`];
    return value > most ? [`counter: the row ${name} is too high: ${value}, at most ${most} were sent`] : [];
  });
}

function twoWritableComplaints({ twoWritable }: Evidence): readonly string[] {
  return twoWritable === 0
    ? []
    : [`two writable: two members were writable at ${twoWritable} sampled instants`];
}

function alternationComplaints(evidence: Evidence): readonly string[] {
  const { changes } = evidence;
  if (changes === undefined) return [];
  const proven = provenChanges([...takenOf(evidence), ...(evidence.observed ?? [])]);
  return proven <= changes
    ? []
    : [
        `alternating: writes were taken by another server ${proven} times, the writer changed ${changes} times`,
      ];
}

function takenOf({ journal, writer, others }: Evidence): readonly Taken[] {
  return journal
    .filter(({ work, outcome }) => work === 'set' && outcome === 'ok')
    .flatMap((operation) => {
      const row = rowOf(operation);
      const server = [writer, ...others]
        .map(({ takenBy }) => takenBy?.get(row))
        .find((id) => id !== undefined);
      return server === undefined
        ? []
        : [{ server, invokedMs: operation.invokedMs, doneMs: operation.doneMs }];
    });
}

function differenceComplaints({ writer, others, reportedExtra, heldMore }: Evidence): readonly string[] {
  return others.flatMap((other) => {
    const reported = reportedExtra.get(other.address) ?? 0;
    const extra = heldMore?.get(other.address) ?? extraOf(other, writer);
    if (reported === 0) {
      return same(other, writer)
        ? []
        : [`different: ${other.address} is not what ${writer.address} is, and is not reported as diverged`];
    }
    // A transaction that was killed leaves its number unused, at most one for each client.
    return extra <= reported && reported <= extra + CLIENTS
      ? []
      : [
          `misreported: ${other.address} holds ${extra} transactions more than the writer, reported were ${reported}`,
        ];
  });
}

/** How many write at once. */
const CLIENTS = 8;

/** Every row and every addition is a transaction of its own, so rows count transactions. */
function extraOf(other: Holding, writer: Holding): number {
  const there = new Set(writer.set);
  return other.set.filter((row) => !there.has(row)).length;
}

function same(a: Holding, b: Holding): boolean {
  const counters = (holding: Holding) => [...holding.counters].sort(([x], [y]) => x - y).join(';');
  const rows = (holding: Holding) => [...holding.set].sort().join(';');
  return rows(a) === rows(b) && counters(a) === counters(b) && a.shared === b.shared;
}

function rowOf(operation: Operation): string {
  return `${operation.client}/${operation.n}`;
}

function some(rows: readonly string[]): string {
  return rows.length <= 5 ? rows.join(', ') : `${rows.slice(0, 5).join(', ')} and ${rows.length - 5} more`;
}

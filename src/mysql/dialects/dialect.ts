/** What differs between servers: pure SQL text, and rows -> Look. The engine beside this folder does the IO. */
import type { History, Look, Place } from '../../core/model.ts';

/** A row as text, by column name as the server spells it. */
export type Row = Readonly<Record<string, string | null>>;

/** What several statements brought, in their order. */
export type Answers = readonly (readonly Row[])[];

/** A statement with the privilege it needs; empty when none. */
export interface Statement {
  readonly sql: string;
  readonly needs: string;
}

/** Whose sessions are not the application's. */
export interface Own {
  /** The account of the daemons themselves. */
  readonly user: string;
  /** Not counted as clients; killed all the same. */
  readonly excludeUsers: readonly string[];
}

export interface Dialect {
  readonly flavour: Look['flavour'];
  /** Fails when the account cannot see everybody's sessions: the others would silently be missing. */
  readonly seeEverybody: Statement;
  /** Everything of a look, sent together; `further` names what comes after. */
  look(own: Own): readonly Statement[];
  /** What the answers of a look or a position show to be needed too; its answer is put behind them. */
  further(answers: Answers): Statement | null;
  toLook(answers: Answers): Look;
  /** One row per link. */
  readonly links: Statement;
  /** `read_only` and the history, for the proof that a server is closed; sent together. */
  readonly position: readonly Statement[];
  toReadOnly(answers: Answers): boolean;
  toHistory(answers: Answers): History;
  /** Changes with every transaction committed or applied, and with nothing else. */
  toEnd(answers: Answers): string;
  /** `ID` of each application session, `USER`, `COMMAND`, `STATE`, `SECONDS`; the longest running first. */
  sessions(own: Own): Statement;
  /** Whether that session is only waiting for read_only itself. */
  isQueueing(session: Row): boolean;
  /** Ends application sessions, all or these, in one round trip; null where no statement can. */
  readonly killAll: ((own: Own, ids?: readonly number[]) => Statement) | null;
  /** Ends one session; fails with 1094 when it is gone already. */
  kill(id: number): Statement;
  /** Ends what one of our own sessions is doing. */
  cancel(id: number): Statement;
  readonly prepared: Statement;
  /** How long statements of this session wait for locks; whole seconds. */
  lockWait(seconds: number): Statement;
  readonly setReadOnly: Statement;
  /** Clears read-only in the session that holds the lock; see `lease.ts`. */
  openUnlessLate(lock: string): Statement;
  /** The statements of this session may take as long as they like. */
  readonly patient: Statement;
  /** Sleeps, and then sets read-only. */
  closeAfter(ms: number): Statement;
  /** Where a link reads from, `host:port`. */
  sourceOf(link: Row): string;
  /** To be run in one session, in this order. */
  stopReceiving(link: Row): readonly Statement[];
  stopLink(link: Row): readonly Statement[];
  startLink(link: Row): readonly Statement[];
  /** Ways to read in logs, where positions alone do not tell enough; null where they do. */
  readonly logs: LogReading | null;
}

/** An entry of a binary or relay log. */
export interface LogEvent {
  readonly type: string;
  readonly serverId: number;
  /** Where it begins in its file. */
  readonly start: number;
  /** Where the next one begins in the binary log it comes from. */
  readonly end: number;
  readonly info: string;
}

export interface LogReading {
  /** Fails when the account may not read in logs, and changes nothing. */
  readonly mayRead: Statement;
  /** Files of the binary log with their sizes, oldest first. */
  readonly files: Statement;
  toFiles(rows: readonly Row[]): readonly { readonly file: string; readonly size: number }[];
  /** At most `limit` events of a binary log from a boundary on. */
  events(from: Place, limit: number): Statement;
  /** At most `limit` events of the relay log of `rest`, from a boundary on. */
  relayEvents(rest: RelayRest, from: Place, limit: number): Statement;
  toEvents(rows: readonly Row[]): readonly LogEvent[];
  /** What each link has received and not applied; null when all is applied, or more may be coming. */
  relayRest(answers: Answers): readonly (RelayRest | null)[];
  /** The same of one link; null unless it stands still. */
  restOfStopped(link: Row): RelayRest | null;
  /** Throws away what was received and not applied, to be sent anew; fails with 1802 when it was applied with gaps. */
  restart(link: Row): readonly Statement[];
}

export interface RelayRest {
  /** Which of several links; null when there are no others. */
  readonly channel: string | null;
  /** Where it begins in the relay log. */
  readonly from: Place;
  /** The applying thread is alone and says that it has nothing left to read. */
  readonly isIdle: boolean;
}

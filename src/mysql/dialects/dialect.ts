/** What differs between servers: pure SQL text, and rows -> Look. The engine beside this folder does the IO. */
import type { History, Look } from '../../core/model.ts';

/** A row as text, by column name as the server spells it. */
export type Row = Readonly<Record<string, string | null>>;

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
  /** One row: everything of a look but its links. */
  look(own: Own): Statement;
  /** One row per link. */
  readonly links: Statement;
  toLook(state: Row, links: readonly Row[]): Look;
  /** One row: `read_only` and the history, for the proof that a server is closed. */
  readonly position: Statement;
  toReadOnly(row: Row): boolean;
  toHistory(row: Row): History;
  /** Changes with every transaction committed or applied, and with nothing else. */
  toEnd(row: Row): string;
  /** `ID` of each application session, `USER`, `COMMAND`, `STATE`, `SECONDS`; the longest running first. */
  sessions(own: Own): Statement;
  /** Whether that session is only waiting for read_only itself. */
  isQueueing(session: Row): boolean;
  /** Ends application sessions, all or these, in one round trip. */
  kill(own: Own, ids?: readonly number[]): Statement;
  /** Ends what one of our own sessions is doing. */
  cancel(id: number): Statement;
  readonly prepared: Statement;
  /** How long statements of this session wait for locks; whole seconds. */
  lockWait(seconds: number): Statement;
  readonly setReadOnly: Statement;
  /** Notes the server's time, for `openUnlessLate` in the same session. */
  readonly noteTime: Statement;
  /** Clears read-only unless the server sees it more than 1.5 s after `noteTime`. */
  readonly openUnlessLate: Statement;
  /** Where a link reads from, `host:port`. */
  sourceOf(row: Row): string;
  /** Name of a link for the statements below. */
  nameOf(row: Row): string;
  /** Two statements each, to be run in one session. */
  stopReceiving(name: string): readonly Statement[];
  stopLink(name: string): readonly Statement[];
  startLink(name: string): readonly Statement[];
}

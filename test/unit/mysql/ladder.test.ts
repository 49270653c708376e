import { expect, test } from 'vitest';
import { ServerError } from '../../../src/errors.ts';
import { closeServer } from '../../../src/mysql/close.ts';
import type { Row } from '../../../src/mysql/dialects/dialect.ts';
import { mysql } from '../../../src/mysql/dialects/mysql.ts';
import { createOwnWrites } from '../../../src/mysql/own-writes.ts';
import type { Ask, Session } from '../../../src/mysql/session.ts';

const dialect = mysql({
  variables: new Set(['gtid_mode']),
  saysReplica: false,
  saysBinaryLog: false,
  seesHeartbeats: false,
});

/** A server of many sessions, which answers one statement after another. */
function crowded(sessions: number, killMs: number) {
  let isReadOnly = false;
  const present = new Set(Array.from({ length: sessions }, (_, id) => id + 10));
  let queue: Promise<unknown> = Promise.resolve();
  let state: Session['state'] = 'open';
  const answer = (sql: string): readonly Row[] => {
    const killed = /^KILL CONNECTION (\d+)/.exec(sql)?.[1];
    if (killed !== undefined) present.delete(Number(killed));
    if (/SET GLOBAL read_only/.test(sql)) isReadOnly = true;
    if (/AS ro/.test(sql)) return [{ ro: isReadOnly ? '1' : '0', gtid_mode: 'ON', executed: 'aa:1' }];
    if (/PROCESSLIST/.test(sql)) return [...present].map((id) => ({ ID: String(id), COMMAND: 'Query' }));
    return [];
  };
  const ask = ({ sql, timeoutMs }: Ask): Promise<readonly Row[]> => {
    const bound = performance.now() + timeoutMs;
    const asked = queue.then(async () => {
      if (state !== 'open') throw new ServerError('silent', 'the session is gone');
      const untilMs = performance.now() + (sql.startsWith('KILL') ? killMs : 0);
      while (performance.now() < untilMs) await new Promise(setImmediate);
      if (performance.now() > bound) {
        state = 'ended';
        throw new ServerError('silent', 'no answer');
      }
      return answer(sql);
    });
    queue = asked.catch(() => undefined).then(() => new Promise(setImmediate));
    return asked;
  };
  const session: Session = {
    id: 1,
    get state() {
      return state;
    },
    ask,
    end: () => {},
  };
  const close = () =>
    closeServer(
      {
        dialect,
        own: { user: 'mmm', excludeUsers: [] },
        control: session,
        extra: async () => ({ ...session, ask: async ({ sql }) => answer(sql) }),
        ownWrites: createOwnWrites('10.0.0.1:3306'),
      },
      { gentle: false, withinMs: 400 },
    );
  return { close, session };
}

test('more sessions than there is time to end leave the server not closed, and keep the session', async () => {
  const { close, session } = crowded(1500, 1);
  const { closed, detail } = await close();
  expect({ closed, state: session.state }).toEqual({ closed: false, state: 'open' });
  expect(detail).toMatch(/^\d{2,4} sessions do not end: connection \d+/);
});

test('many sessions are ended, each of them', async () => {
  const { close, session } = crowded(600, 0);
  expect(await close()).toMatchObject({ closed: true });
  expect(session.state).toBe('open');
});

import { expect, test } from 'vitest';
import { type Attempt, explain, isCut } from '../../../src/mysql/reasons.ts';

const ATTEMPT: Attempt = {
  address: '10.0.0.1:3306',
  user: 'mmm',
  doing: 'closing',
  needs: 'READ_ONLY ADMIN',
};

function socketError(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code, errno: -1 });
}

function serverError(errno: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ER_X', errno, sqlState: '42000' });
}

test.each([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'silent'],
  ['EHOSTUNREACH', 'silent'],
  ['ENETUNREACH', 'silent'],
  ['ENOTFOUND', 'silent'],
  ['ECONNRESET', 'silent'],
  ['PROTOCOL_CONNECTION_LOST', 'silent'],
  ['MYSQL_CLEAR_PASSWORD_NOT_ENABLED', 'faulty'],
  ['HANDSHAKE_NO_SSL_SUPPORT', 'faulty'],
])('%s is %s', (code, trouble) => {
  expect(explain(socketError(code), ATTEMPT)).toMatchObject({
    trouble,
    message: expect.stringContaining('10.0.0.1:3306'),
  });
});

test.each([
  [1040, 'max_connections'],
  [1045, 'correct user= and password='],
  [1129, 'FLUSH HOSTS'],
  [1095, "GRANT READ_ONLY ADMIN ON *.* TO 'mmm'@"],
  [1227, "GRANT READ_ONLY ADMIN ON *.* TO 'mmm'@"],
  [9999, 'error 9999'],
])('error %i of the server means alive, with advice', (errno, advice) => {
  // Nothing is needed while logging in, and only there are user and password to blame.
  const attempt = errno === 1045 ? { ...ATTEMPT, needs: '' } : ATTEMPT;
  expect(explain(serverError(errno, 'no'), attempt)).toMatchObject({
    trouble: 'faulty',
    message: expect.stringContaining(advice),
  });
});

test.each([
  ['READ_ONLY ADMIN', 'mmm@10.0.21.%', "GRANT READ_ONLY ADMIN ON *.* TO 'mmm'@'10.0.21.%'"],
  ['SELECT, UPDATE ON mysql.*', 'm@m@%', "GRANT SELECT, UPDATE ON mysql.* TO 'm@m'@'%'"],
  ['PROCESS', undefined, "GRANT PROCESS ON *.* TO 'mmm'@'...'"],
])('the GRANT of %s names the account as the server knows it: %s', (needs, account, sql) => {
  const attempt = { ...ATTEMPT, needs, ...(account !== undefined && { account }) };
  for (const errno of [1044, 1142, 1143, 1227]) {
    expect(explain(serverError(errno, 'denied'), attempt).message).toBe(
      `10.0.0.1:3306: denied (error ${errno}); run: ${sql} (on each server, after SET sql_log_bin=0) (while closing)`,
    );
  }
});

test.each([
  [1040, 'raise max_connections, or find who holds the connections (SHOW PROCESSLIST)'],
  [1251, 'mysql_native_password'],
  [1290, 'start the server without that option'],
  [1524, 'mysql_native_password'],
  [1820, 'PASSWORD EXPIRE NEVER'],
  [1862, 'PASSWORD EXPIRE NEVER'],
  [3032, 'SET GLOBAL offline_mode=0'],
  [3159, 'TLS to the server is not supported yet'],
])('error %i says what to do', (errno, advice) => {
  expect(explain(serverError(errno, 'no'), { ...ATTEMPT, needs: '' }).message).toContain(advice);
});

test('what a server says is cut short and cannot break a log line', () => {
  const { message } = explain(serverError(1, `a\n\u001b[31mb${'c'.repeat(5000)}`), ATTEMPT);
  expect(message).toMatch(/^[\x20-\x7e]{1,500}$/);
});

test('only a cut connection asks for a second knock', () => {
  expect(isCut(socketError('ECONNRESET'))).toBe(true);
  expect(isCut(serverError(1927, 'Connection was killed'))).toBe(true);
  expect(isCut(socketError('ECONNREFUSED'))).toBe(false);
  expect(isCut(serverError(1045, 'Access denied'))).toBe(false);
});

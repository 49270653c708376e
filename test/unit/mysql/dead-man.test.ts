import { expect, it } from 'vitest';
import { ServerError } from '../../../src/errors.ts';
import { createDeadMan } from '../../../src/mysql/dead-man.ts';
import { mariadb } from '../../../src/mysql/dialects/mariadb.ts';

it('does not wait for a login as long as the dead-man is to sleep: the lease is not renewed meanwhile', async () => {
  const asked: number[] = [];
  const silent = new ServerError('silent', 'db1:3306: no answer');
  const deadMan = createDeadMan({
    address: 'db1:3306',
    own: { user: 'mmm', excludeUsers: [] },
    control: {
      glance: () => Promise.reject(silent),
      use: () => Promise.reject(silent),
      end() {},
    },
    dialect: async (timeoutMs) => {
      asked.push(timeoutMs);
      return mariadb;
    },
    extra: (timeoutMs) => {
      asked.push(timeoutMs);
      return Promise.reject(silent);
    },
  });
  await expect(deadMan.arm(40_000)).rejects.toThrow('no answer');
  expect(asked).toHaveLength(2);
  expect(Math.max(...asked)).toBeLessThanOrEqual(1000);
});

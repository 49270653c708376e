import { expect, it } from 'vitest';
import type { Account } from '../../../src/mysql/accounts/account.ts';
import { leftAccount } from '../../../src/mysql/left-accounts.ts';

const HEX = 'B69027D44F6E5EDC07F1AEAD1477967B16F28227';
const REVERSED = [`${HEX}*`, `${'~'.repeat(25)}606706156665cd86`, '?'.repeat(41)];

it.each(REVERSED)('no statement holds a password hash, in either direction: %s', (hash) => {
  for (const flavour of ['mysql', 'mariadb'] as const) {
    for (const locked of [null, true]) {
      const { freeing, ...rest } = leftAccount(account({ hash, locked }), true, flavour);
      expect(rest).toMatchObject({ lockedBy: 'us' });
      expect(freeing[0]).toMatch(
        /^UPDATE mysql\.(?:user|global_priv) SET .* WHERE User = 'app' AND Host = '%' AND /,
      );
      // Without it, ALTER USER would write back what the server still remembers.
      expect(freeing[1]).toBe('FLUSH PRIVILEGES');
      expect(freeing.join('\n')).not.toMatch(/[0-9A-Fa-f]{16}|\?{41}/);
    }
  }
});

it.each([
  [true, 'us', ["ALTER USER 'app'@'%' ACCOUNT UNLOCK"]],
  [false, 'somebody', []],
  [null, 'unknown', []],
] as const)(
  'only an account that block_user and block_host name is unlocked: %s',
  (isOurs, lockedBy, freeing) => {
    expect(leftAccount(account({ locked: true }), isOurs, 'mariadb')).toMatchObject({ lockedBy, freeing });
  },
);

it('an account that can be used is locked by nobody', () => {
  expect(leftAccount(account({}), true, 'mysql')).toMatchObject({ lockedBy: 'nobody', freeing: [] });
});

function account(over: Partial<Account>): Account {
  const login = { plugin: 'mysql_native_password', hash: `*${HEX}`, locked: null };
  return { user: 'app', host: '%', matches: true, ...login, replicates: false, administers: false, ...over };
}

/** The command that prints errant transactions from a server's binary logs, and the file that holds its login. */
import { endpoint } from '../core/address.ts';
import type { Errant } from '../core/errant.ts';
import type { ErrantPlace } from './errant-place.ts';
import type { Target } from './session.ts';

/** What prints binary logs of this kind of server; another one may be named. */
export function dumpProgram(errant: Errant): string {
  return errant.kind === 'mariadb' ? 'mariadb-binlog' : 'mysqlbinlog';
}

/** Its words. Neither user nor password is among them: they stand in `loginFile`. */
export function dumpWords(
  errant: Errant,
  place: ErrantPlace,
  how: { readonly program: string; readonly loginFile: string },
): readonly string[] {
  return [
    how.program,
    `--defaults-file=${how.loginFile}`,
    '--read-from-remote-server',
    '--verbose',
    `--start-position=${place.startAt}`,
    ...(place.stopAt === null ? [] : [`--stop-position=${place.stopAt}`]),
    ...filter(errant),
    ...place.logs,
  ];
}

/** What came after the first errant one need not be errant. */
function filter(errant: Errant): readonly string[] {
  switch (errant.kind) {
    case 'mariadb':
      return [`--do-server-ids=${[...new Set(errant.ranges.map(({ server }) => server))].join(',')}`];
    case 'mysql':
      return [`--include-gtids=${errant.set}`];
    case 'binlog':
      return [];
  }
}

/** Option file for it. */
export function loginText({ address, user, password }: Target): string {
  const { host, port } = endpoint(address);
  const value = (text: string): string => `"${text.replaceAll('\\', '\\\\')}"`;
  return `[client]\nprotocol=tcp\nhost=${host}\nport=${port}\nuser=${value(user)}\npassword=${value(password)}\n`;
}

/** The order that mmm-manager must never use; kept here to show that the checker sees what is wrong with it. */

import { pause } from './eventually.ts';
import type { Haproxy } from './haproxy.ts';
import type { MariaServer } from './mariadb.ts';

/**
 * Opens the new writer first, sends new connections there, and closes the old one 0.3 s later without ending a
 * session: its clients stay until it refuses them.
 */
export async function switchLikeTheAncestor(
  haproxy: Haproxy,
  from: MariaServer,
  to: MariaServer,
): Promise<void> {
  await to.admin('SET GLOBAL read_only = 0');
  await haproxy.route(to.address, { cut: false });
  await pause(300);
  await from.admin('SET GLOBAL read_only = 1');
}

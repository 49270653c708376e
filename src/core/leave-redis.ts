/**
 * What may be left in Redis: our keys, beside those that the ancestor's programs and templates read. A uniqsign may
 * be the beginning of another one, so only names that we know are ever listed to be deleted.
 */
import type { FoundKeys, LeaveInput, LeaveItem, LeavingCluster } from './leave.ts';

const ANCESTORS = ['servicemode', 'primaryhost', 'secondaryhost', 'members', 'mode', 'master'];
const OURS =
  /^(?:topology|requests|events|reporters|lease|leader|(?:facts|agent|sidecar|answer)-[A-Za-z0-9_.:-]{1,128})$/;
/** Fields that we add to the ancestor's `-master` hash. */
const FIELDS = ['passive', 'generation', 'phase', 'since'];

export function redisItems({ clusters, redis }: LeaveInput): readonly LeaveItem[] {
  const { at, found, username } = redis;
  const user =
    username === null
      ? []
      : [
          item(at, `the user ${username}, when it was made for mmm-manager`, [
            `ACL DELUSER ${quoted(username)}`,
          ]),
        ];
  if (found === null) {
    return [item(at, `could not be read: ${redis.why}; look by hand for mysql-*`, []), ...user];
  }
  const incomplete = found.complete ? [] : [item(at, 'holds too many keys to look through all of them', [])];
  const signs = new Set([...found.clusters, ...clusters.map(({ uniqsign }) => uniqsign)]);
  return [...clusters.flatMap((cluster) => ofCluster(cluster, found, [...signs])), ...incomplete, ...user];
}

function ofCluster(
  cluster: LeavingCluster,
  found: FoundKeys,
  signs: readonly string[],
): readonly LeaveItem[] {
  const { uniqsign } = cluster;
  const prefix = prefixOf(uniqsign);
  const longer = signs.filter((sign) => sign.startsWith(`${uniqsign}-`)).map(prefixOf);
  const names = found.keys
    .filter((key) => key.startsWith(prefix) && !longer.some((other) => key.startsWith(other)))
    .map((key) => key.slice(prefix.length))
    .sort();
  const checks = addressesOf(cluster).map((address) => `${address}-check`);
  const theirs = names.filter((name) => ANCESTORS.includes(name) || checks.includes(name));
  const ours = names.filter((name) => OURS.test(name));
  const unknown = names.filter((name) => !theirs.includes(name) && !ours.includes(name));
  const register = found.clusters.includes(uniqsign) ? [`SREM mysql-clusters ${quoted(uniqsign)}`] : [];
  const fields = FIELDS.filter((field) => found.masters[`${prefix}master`]?.includes(field));
  const master = fields.length === 0 ? [] : [`HDEL ${quoted(`${prefix}master`)} ${fields.join(' ')}`];
  return [
    ...unlessDone(item(prefix, 'keys of ours', [...del(prefix, ours), ...register, ...master])),
    ...unlessDone(
      item(
        prefix,
        'keys of the Perl programs, existing templates and scripts: keep them when you go back; only when nobody reads them any more',
        del(prefix, theirs),
      ),
    ),
    ...unknown.map((name) => item(prefix + name, 'unknown, perhaps of another cluster: keep it', [])),
  ];
}

function prefixOf(uniqsign: string): string {
  return `mysql-${uniqsign}-`;
}

function addressesOf({ members, topology }: LeavingCluster): readonly string[] {
  return [...members, ...(topology?.members ?? [])].map(({ address }) => address);
}

function unlessDone(one: LeaveItem): readonly LeaveItem[] {
  return one.undo.length === 0 ? [] : [one];
}

function del(prefix: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`DEL ${names.map((name) => quoted(prefix + name)).join(' ')}`];
}

/** For redis-cli. */
function quoted(text: string): string {
  if (/^[A-Za-z0-9_.:@/-]+$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function item(where: string, what: string, undo: readonly string[]): LeaveItem {
  return { place: 'redis', where, what, undo };
}

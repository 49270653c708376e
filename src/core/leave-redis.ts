/** What may be left in Redis: our keys, beside those that the ancestor's programs and templates read. */
import type { FoundKeys, LeaveInput, LeaveItem } from './leave.ts';

const ANCESTORS = ['servicemode', 'primaryhost', 'secondaryhost', 'members', 'mode', 'master'];
/** Fields that we add to the ancestor's `-master` hash. */
const FIELDS = ['passive', 'generation', 'phase', 'since'];

export function redisItems({ clusters, redis }: LeaveInput): readonly LeaveItem[] {
  const { at, found, username } = redis;
  const user =
    username === null
      ? []
      : [item(at, `the user ${username}, when it was made for mmm-manager`, [`ACL DELUSER ${username}`])];
  if (found === null) {
    return [item(at, `could not be read: ${redis.why}; look by hand for mysql-*`, []), ...user];
  }
  const incomplete = found.complete ? [] : [item(at, 'holds too many keys to look through all of them', [])];
  return [...clusters.flatMap(({ uniqsign }) => ofCluster(uniqsign, found)), ...incomplete, ...user];
}

function ofCluster(uniqsign: string, { keys, masters, clusters }: FoundKeys): readonly LeaveItem[] {
  const prefix = `mysql-${uniqsign}-`;
  const mine = keys.filter((key) => key.startsWith(prefix)).sort();
  const theirs = mine.filter((key) => isAncestors(key.slice(prefix.length)));
  const ours = mine.filter((key) => !theirs.includes(key));
  const register = clusters.includes(uniqsign) ? [`SREM mysql-clusters ${uniqsign}`] : [];
  const fields = FIELDS.filter((field) => masters[`${prefix}master`]?.includes(field));
  const master = fields.length === 0 ? [] : [`HDEL ${prefix}master ${fields.join(' ')}`];
  return [
    item(prefix, 'keys of ours', [...del(ours), ...register, ...master]),
    item(
      prefix,
      'keys of the Perl programs, existing templates and scripts: keep them when you go back; only when nobody reads them any more',
      del(theirs),
    ),
  ].filter(({ undo }) => undo.length > 0);
}

function isAncestors(name: string): boolean {
  return ANCESTORS.includes(name) || name.endsWith('-check');
}

function del(keys: readonly string[]): readonly string[] {
  return keys.length === 0 ? [] : [`DEL ${keys.join(' ')}`];
}

function item(where: string, what: string, undo: readonly string[]): LeaveItem {
  return { place: 'redis', where, what, undo };
}

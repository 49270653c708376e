/**
 * Reads the ancestor's keys as templates and scripts in the field do: by their table of types and formats, and
 * nothing else. Whatever deviates is an error that names the key.
 */
import type { Redis } from 'ioredis';

interface LegacyCheckView {
  readonly ping: string;
  readonly repl_check: string;
  readonly read_only: string;
  readonly delay_sec: string;
  readonly conn_nums: string;
  readonly last_check: string;
}

export interface LegacyView {
  readonly servicemode: string;
  readonly primaryhost: string;
  readonly secondaryhost: string;
  /** Sorted. */
  readonly members: readonly string[];
  readonly mode: { readonly active: string; readonly passive: string };
  /** `host`, and fields that the ancestor does not know. */
  readonly master: Readonly<Record<string, string>>;
  /** By member. */
  readonly checks: Readonly<Record<string, LegacyCheckView>>;
}

const ADDRESS = /^[A-Za-z0-9.-]+:\d{1,5}$/;
const CHECK: Readonly<Record<keyof LegacyCheckView, RegExp>> = {
  ping: /^[01]$/,
  repl_check: /^(?:OK|Delay [1-9]\d* Seconds|Error)$/,
  read_only: /^(?:0|1|-1)$/,
  delay_sec: /^(?:-1|\d+)$/,
  conn_nums: /^(?:-1|\d+)$/,
  last_check: /^\d{10}$/,
};
const MASTER: Readonly<Record<string, RegExp>> = {
  host: ADDRESS,
  passive: ADDRESS,
  generation: /^[1-9]\d*$/,
  phase: /^stable$/,
  since: /^\d{13}$/,
};

/** Everything at one instant. */
export async function readLegacy(redis: Redis, uniqsign: string): Promise<LegacyView> {
  const key = (name: string) => `mysql-${uniqsign}-${name}`;
  const members = await redis.smembers(key('members'));
  const answers = await redis
    .multi()
    .get(key('servicemode'))
    .get(key('primaryhost'))
    .get(key('secondaryhost'))
    .smembers(key('members'))
    .hgetall(key('mode'))
    .hgetall(key('master'))
    .exec();
  const values = (answers ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
  const [servicemode, primaryhost, secondaryhost, set, mode, master] = values;
  const checks = await Promise.all(
    members.map(async (member) => {
      const name = key(`${member}-check`);
      return [member, fields(name, await redis.hgetall(name), CHECK)] as const;
    }),
  );
  for (const [member, check] of checks) refuseNonsense(member, check);
  const pair = fields(key('mode'), mode, { active: ADDRESS, passive: ADDRESS });
  return {
    servicemode: text(key('servicemode'), servicemode, /^[01]$/),
    primaryhost: text(key('primaryhost'), primaryhost, ADDRESS),
    secondaryhost: text(key('secondaryhost'), secondaryhost, ADDRESS),
    members: (set as readonly string[]).map((member) => text(key('members'), member, ADDRESS)).sort(),
    mode: pair,
    master: fields(key('master'), master, MASTER),
    checks: Object.fromEntries(checks),
  };
}

/** The message on the channel, taken apart. */
export function readMessage(message: string): { active: string; passive: string; uniqsign: string } {
  const found = /^active: (\S+), passive: (\S+), uniqsign: (\S+)$/.exec(message);
  if (found === null) throw new Error(`not a message of the ancestor: ${message}`);
  const [, active = '', passive = '', uniqsign = ''] = found;
  return { active, passive, uniqsign };
}

function text(key: string, value: unknown, format: RegExp): string {
  if (typeof value !== 'string' || !format.test(value)) {
    throw new Error(`${key} should be like ${format}: ${JSON.stringify(value)}`);
  }
  return value;
}

/** A hash with exactly these fields. */
function fields<K extends string>(
  key: string,
  value: unknown,
  formats: Readonly<Record<K, RegExp>>,
): Record<K, string> {
  const found = Object.keys(value as object).sort();
  const wanted = Object.keys(formats).sort();
  if (found.join() !== wanted.join()) throw new Error(`${key} has the fields ${found}, not ${wanted}`);
  const hash = value as Record<K, unknown>;
  const names = Object.keys(formats) as K[];
  const checked = names.map((name) => [name, text(`${key} ${name}`, hash[name], formats[name])] as const);
  return Object.fromEntries(checked) as Record<K, string>;
}

/** The fields of a check must go together. */
function refuseNonsense(
  member: string,
  { ping, repl_check, read_only, delay_sec, conn_nums }: LegacyCheckView,
) {
  const found = [ping, repl_check, read_only, delay_sec, conn_nums].join(' | ');
  const delay = /^Delay (\d+) Seconds$/.exec(repl_check)?.[1] ?? (repl_check === 'OK' ? '0' : delay_sec);
  const isRight =
    ping === '0' ? found === '0 | Error | -1 | -1 | -1' : read_only !== '-1' && delay === delay_sec;
  if (!isRight) throw new Error(`the check of ${member} contradicts itself: ${found}`);
}

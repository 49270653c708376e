import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** A Lua script: everything in it happens at one instant, or nothing does. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

const shared = file('shared');

/** The scripts in `lua/`; each file's head names its KEYS, ARGV and output. */
export const scripts = {
  read: load('read'),
  orders: load('orders'),
  commit: load('commit'),
  renew: load('renew'),
  release: load('release'),
  lead: load('lead'),
  resign: load('resign'),
  putReport: load('put-report'),
  putEvent: load('put-event'),
  putRequest: load('put-request'),
  answer: load('answer'),
  repair: load('repair'),
} as const;

/** Runs a script by its hash; sends its text when this Redis has not seen it yet. */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: readonly string[],
  values: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(script.sha, keys.length, ...keys, ...values);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return await redis.eval(script.text, keys.length, ...keys, ...values);
  }
}

function load(name: string): Script {
  const text = `${shared}\n${file(name)}`;
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

function file(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}

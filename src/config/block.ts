/** The keys of the agent's `[mysql]` that choose accounts. Either both or none. */
import type { Reading, Table, Values } from './section.ts';
import type { Source } from './source.ts';
import type { BlockConfig } from './types.ts';
import { text } from './values.ts';

export const BLOCK_KEYS = {
  block_user: text(null),
  block_host: text(null),
} as const satisfies Table;

type BlockReading = Pick<Reading<typeof BLOCK_KEYS>, 'line'> & {
  readonly sound: Partial<Values<typeof BLOCK_KEYS>>;
};

/** null: no account is ever looked at. */
export function readBlock(source: Source, { sound, line }: BlockReading): BlockConfig | null {
  const { block_user: user = null, block_host: host = null } = sound;
  if (user !== null && host !== null) return { user, host };
  if (user === null && host === null) return null;
  const [given, missing] =
    user === null ? (['block_host', 'block_user'] as const) : (['block_user', 'block_host'] as const);
  source.findings.warn(
    line(given),
    `${given} without ${missing} does nothing: give both, or no account is locked on a standby`,
  );
  return null;
}

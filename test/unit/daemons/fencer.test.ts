import { expect, it } from 'vitest';
import { createFencer } from '../../../src/daemons/fencer.ts';
import { CommandError } from '../../../src/errors.ts';
import type { Clock, Log } from '../../../src/ports.ts';
import { createMemoryHub } from '../../support/memory-hub.ts';
import { A, B, stable } from '../../support/world.ts';

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const clock: Clock = { now: () => 0, epochMs: () => 0, sleep: async () => undefined };
const t = stable({ phase: 'closing', writer: null, from: A, to: B, generation: 43 });

function fencing(run: (words: readonly string[]) => Promise<unknown>) {
  const hub = createMemoryHub();
  let onEnd: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    onEnd = resolve;
  });
  const fencer = createFencer({
    command: { words: ['off', '--at={{host}}', '{{port}}', '{{tag}} {{generation}}', '{{address}}'], run },
    hub,
    clock,
    log,
    onEnd,
  });
  return { hub, fencer, ended };
}

it('runs the command with the member filled in, and remembers and tells that it succeeded', async () => {
  const said: (readonly string[])[] = [];
  const { hub, fencer, ended } = fencing(async (words) => said.push(words));
  expect(fencer.last()).toBeNull();
  fencer.fence(t, A);
  expect(fencer.last()).toMatchObject({ generation: 43, address: A, outcome: 'running' });
  await ended;
  expect(said).toEqual([['off', '--at=10.0.21.5', '3308', 'mysql3308 43', A]]);
  expect(fencer.last()).toEqual({ generation: 43, address: A, outcome: 'done', detail: '' });
  expect(await hub.events(t.uniqsign, 5)).toMatchObject([
    { kind: 'fence', generation: 43, proof: 'd', from: A },
  ]);
});

it('one that fails proves nothing, and its reason is kept', async () => {
  const { hub, fencer, ended } = fencing(async () => {
    throw new CommandError('off failed with exit code 3: no such host');
  });
  fencer.fence(t, A);
  await ended;
  expect(fencer.last()).toMatchObject({ outcome: 'failed', detail: expect.stringContaining('exit code 3') });
  expect(await hub.events(t.uniqsign, 5)).toMatchObject([
    { kind: 'fence', proof: '', reason: expect.stringContaining('no such host') },
  ]);
});

/** Runs `fence_cmd` beside the decisions, and remembers what became of it for as long as this identify runs. */
import { endpoint } from '../core/address.ts';
import type { Topology } from '../core/model.ts';
import type { FenceRun } from '../core/situation.ts';
import { MmmError } from '../errors.ts';
import type { Clock, Hub, Log } from '../ports.ts';

export interface Fencer {
  /** The last run; null when there was none. */
  last(): FenceRun | null;
  /** Begins a run for this generation and does not wait for it. */
  fence(topology: Topology, address: string): void;
}

/** A command that puts a server out of service. `run` rejects when it fails, within its own bound. */
export interface FenceCommand {
  /** `{{address}} {{host}} {{port}} {{tag}} {{generation}}` are filled in, inside words. */
  readonly words: readonly string[];
  readonly run: (words: readonly string[]) => Promise<unknown>;
}

export function createFencer(options: {
  readonly command: FenceCommand | null;
  readonly hub: Hub;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when a run has ended: there is something new to decide on. */
  readonly onEnd: () => void;
}): Fencer {
  const { command, clock, log } = options;
  let last: FenceRun | null = null;

  async function run({ words, run: start }: FenceCommand, t: Topology, address: string): Promise<void> {
    const startedMs = clock.now();
    const about = { uniqsign: t.uniqsign, member: address, generation: t.generation };
    log.warn({ ...about, command: words[0] }, 'running fence_cmd');
    const failure = await start(filledIn(words, t, address)).then(() => null, reasonOf);
    const tookMs = clock.now() - startedMs;
    last = {
      generation: t.generation,
      address,
      outcome: failure === null ? 'done' : 'failed',
      detail: failure ?? '',
    };
    if (failure === null) log.warn({ ...about, tookMs }, 'fence_cmd succeeded');
    else log.error({ ...about, tookMs, reason: failure }, 'fence_cmd failed: it proves nothing');
    options.onEnd();
    await tell(t, address, failure, tookMs);
  }

  async function tell(t: Topology, address: string, failure: string | null, tookMs: number): Promise<void> {
    const event = {
      kind: 'fence',
      generation: t.generation,
      phase: t.phase,
      from: address,
      to: t.to ?? '',
      proof: failure === null ? 'd' : '',
      reason: failure === null ? 'fence_cmd succeeded' : `fence_cmd failed: ${failure}`.slice(0, 1000),
      loss: '',
      took: String(Math.round(tookMs)),
      by: 'mmm-identify',
    };
    await options.hub.putEvent(t.uniqsign, event).catch((err: unknown) => {
      log.debug({ uniqsign: t.uniqsign, err }, 'the event of fence_cmd is lost');
    });
  }

  return {
    last: () => last,
    fence(t, address) {
      if (command === null) return;
      last = { generation: t.generation, address, outcome: 'running', detail: '' };
      void run(command, t, address);
    },
  };
}

function filledIn(words: readonly string[], t: Topology, address: string): readonly string[] {
  const { host, port } = endpoint(address);
  const values: Readonly<Record<string, string>> = {
    address,
    host,
    port: String(port),
    tag: t.tag,
    generation: String(t.generation),
  };
  return words.map((word) => word.replace(/\{\{(\w+)\}\}/g, (all, name: string) => values[name] ?? all));
}

function reasonOf(error: unknown): string {
  return error instanceof MmmError ? error.message : String(error);
}

import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { Look, Topology } from '../../../src/core/model.ts';
import { due } from '../../../src/core/notice.ts';
import { noticeText } from '../../../src/core/notice-text.ts';
import { A, B, link, look, refused, situation, stable, up, word, writerDead } from '../../support/world.ts';

/** A failed over to B at generation 43; a reopening later it is 44. */
const after = stable({
  generation: 44,
  kind: 'reopen',
  writer: B,
  from: B,
  to: B,
  members: [
    { address: A, role: 'standby', kind: 'master', state: 'offline' },
    { address: B, role: 'writer', kind: 'master', state: 'online' },
  ],
  parked: [
    { on: B, from: A },
    { on: A, from: B },
  ],
  unknownLoss: { generation: 43, from: A },
});
const stopped = [link(B, { io: 'no', sql: 'no', lagSeconds: null })];
const writer = look(B, A, {
  readOnly: false,
  history: { kind: 'mariadb', state: '0-1-100,0-2-150', received: '0-1-100' },
  links: [link(A, { io: 'no', sql: 'no' })],
});
const back = (seen: Look, topology: Topology = after) =>
  decide(
    situation({
      topology,
      health: new Map([
        [A, up(seen)],
        [B, up(writer)],
      ]),
      words: {
        [A]: word({ generation: 44, look: seen }),
        [B]: word({ generation: 44, did: 'opened', look: writer }),
      },
      extraMs: new Map([[A, 5000]]),
    }),
  ).change;
const extra = look(A, B, {
  links: stopped,
  history: { kind: 'mariadb', state: '0-1-103,0-2-50', received: '0-2-50' },
});

describe('what a failover has lost', () => {
  it('is open when it ends', () => {
    const topology = stable({
      phase: 'opening',
      kind: 'failover',
      writer: null,
      from: A,
      to: B,
      generation: 43,
    });
    const words = { [B]: word({ generation: 43, did: 'opened', look: writer }) };
    const { change } = decide(writerDead(refused(900), { topology, words }));
    expect(change?.next.unknownLoss).toEqual({ generation: 43, from: A });
  });

  it('is told once, with its own generation, when the old writer is back: nothing', () => {
    const change = back(look(A, B, { links: stopped }));
    expect(change?.next).toMatchObject({ generation: 44, unknownLoss: null });
    const losses = change?.events.filter(({ kind }) => kind === 'loss');
    expect(losses).toMatchObject([{ generation: 43, loss: 'none', from: A, to: B, phase: 'stable' }]);
    const again = back(look(A, B, { links: stopped }), { ...after, unknownLoss: null });
    expect(again?.events.map(({ kind }) => kind)).toEqual(['recovering']);
  });

  it('or what it alone holds', () => {
    const change = back(extra);
    expect(change?.next.members[0]?.state).toBe('diverged');
    expect(change?.events.find(({ kind }) => kind === 'loss')).toMatchObject({
      generation: 43,
      loss: 'up to 3 transactions (0-1-101..103)',
    });
  });

  it('cannot be told by one that came back without the end of its own log', () => {
    const short = look(A, B, {
      links: stopped,
      history: { kind: 'mariadb', state: '0-1-97,0-2-50', received: '0-2-50', serverId: 1 },
    });
    expect(back(short)?.events.find(({ kind }) => kind === 'loss')?.loss).toBe('unknown');
  });

  it('is not told of another server, nor while it is only offline', () => {
    const change = back(look(A, B, { links: stopped }), {
      ...after,
      unknownLoss: { generation: 43, from: B },
    });
    expect(change?.next.unknownLoss).toEqual({ generation: 43, from: B });
    expect(change?.events.some(({ kind }) => kind === 'loss')).toBe(false);
  });

  it('stands in the mail about the divergence, and in a late one about the failover', () => {
    const change = back(extra);
    const at = (event: NonNullable<typeof change>['events'][number], i: number) => ({
      ...event,
      at: `${1_000 + i}-0`,
    });
    const failover = {
      kind: 'failover',
      generation: 43,
      phase: 'stable',
      from: A,
      to: B,
      proof: 'b',
      reason: 'dead',
      loss: 'none seen; certain when the old writer returns',
      took: '70',
      by: 'mmm-identify',
    };
    const told = { generation: 42, writer: A, halted: false, diverged: [] };
    const now = change?.next ?? after;
    const { notices } = due(told, now, [failover, ...(change?.events ?? [])].map(at));
    const texts = notices.map((one) => noticeText(one, { now, by: 'mmm-agent db1', utc: String }).text);
    expect(texts).toHaveLength(2);
    expect(texts[0]).toContain('up to 3 transactions (0-1-101..103)');
    expect(texts[0]).not.toContain('none seen');
    expect(texts[1]).toContain('the failover of generation 43');
  });
});

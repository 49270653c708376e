import { describe, expect, it } from 'vitest';
import { extras, isContained, obstacles, sameHistory } from '../../../src/core/history.ts';
import { History, type Place } from '../../../src/core/model.ts';

type Binlog = Extract<History, { kind: 'binlog' }>;

const at = (file: number, pos: number): Place => ({ file: `bin.${String(file).padStart(6, '0')}`, pos });

/** Server 1 closed, with nothing of its own behind what server 2 has applied. */
const one: Binlog = {
  kind: 'binlog',
  serverId: 1,
  address: '10.0.0.1:3306',
  end: at(3, 900),
  own: { after: at(3, 400), count: 0, end: at(3, 400), checked: at(3, 900) },
  unknown: '',
  lost: null,
  applied: { '2': at(7, 1000) },
};
/** Server 2, the writer. */
const two: Binlog = {
  kind: 'binlog',
  serverId: 2,
  address: '10.0.0.2:3306',
  end: at(7, 1000),
  own: { after: at(7, 1000), count: null, end: at(7, 1000), checked: at(7, 1000) },
  unknown: '',
  lost: null,
  applied: { '1': at(3, 400) },
};

describe('extras by file and position', () => {
  it('are none when what follows in its binary log is not its own', () => {
    expect(extras(one, two)).toEqual({ count: 0, list: '' });
  });

  it('are counted where its own writes go on behind what the other has applied', () => {
    const own = { after: at(3, 400), count: 3, end: at(3, 800), checked: at(3, 900) };
    expect(extras({ ...one, own }, two)).toEqual({ count: 3, list: 'bin.000003:400..bin.000003:800' });
    expect(extras({ ...one, own }, { ...two, applied: { '1': at(3, 800) } }).count).toBe(0);
  });

  it('are none after a restart that only began a new file', () => {
    const own = { after: at(3, 900), count: 0, end: at(3, 900), checked: at(4, 120) };
    const restarted = { ...one, end: at(4, 120), own };
    expect(extras(restarted, { ...two, applied: { '1': at(3, 900) } }).count).toBe(0);
  });

  it('end where the other has applied everything, whoever wrote it', () => {
    const unsearched = { ...one, own: null, unknown: 'nobody asked' };
    expect(extras(unsearched, { ...two, applied: { '1': at(3, 900) } }).count).toBe(0);
    const found = extras(unsearched, two);
    expect(found.count).toBeGreaterThan(0);
    expect(found.list).toContain('nobody asked');
  });

  it('are not denied before the binary log is searched to its end', () => {
    const own = { after: at(3, 400), count: 0, end: at(3, 400), checked: at(3, 500) };
    expect(extras({ ...one, own }, two)).toEqual({
      count: 1,
      list: 'bin.000003:500..bin.000003:900 is still being searched',
    });
  });

  it('of a writer reach to its end: how many they are is at most what fits in the bytes', () => {
    const own = { after: at(3, 400), count: null, end: at(3, 900), checked: at(3, 900) };
    expect(extras({ ...one, own }, two)).toEqual({ count: 5, list: 'bin.000003:400..bin.000003:900' });
  });

  it('find the other by its address when it does not know the id yet', () => {
    expect(extras(one, { ...two, applied: { '10.0.0.1:3306': at(3, 400) } }).count).toBe(0);
    expect(extras(one, { ...two, applied: {} }).list).toContain('does not replicate from server 1');
  });

  it('name what the source wrote behind its last look, but not against its follower', () => {
    const newer = { ...one, applied: { '2': at(7, 1500) } };
    expect(extras(newer, two).list).toBe('bin.000007:1000..bin.000007:1500');
    expect(extras(newer, two, 2).count).toBe(0);
  });

  it('compare file numbers, not text, and never two logs of different names', () => {
    const own = { after: at(9, 400), count: 0, end: at(9, 400), checked: { file: 'bin.000010', pos: 120 } };
    const later = { ...one, end: { file: 'bin.000010', pos: 120 }, own };
    expect(extras(later, { ...two, applied: { '1': at(9, 400) } }).count).toBe(0);
    const renamed = { ...two, end: { file: 'mysql-bin.000001', pos: 120 } };
    expect(extras(one, renamed).list).toContain('another name');
  });

  it('are told of what a server lost at the end of its own binary log, in both directions', () => {
    const short = { ...two, end: at(8, 120), lost: at(7, 1000) };
    expect(extras(one, short)).toMatchObject({ count: 1 });
    expect(extras(one, short).list).toContain('lost the end of its binary log');
    expect(isContained(short, { ...one, applied: { '2': at(8, 120) } })).toBe(true);
    expect(obstacles(short, { ...one, applied: { '2': at(8, 120) } })).toMatchObject({
      count: 1,
      lost: true,
    });
  });

  it('are not denied before a restarted server was asked whether it lost the end of a file', () => {
    const restarted = { ...two, end: at(8, 120), own: null };
    expect(extras(one, restarted).list).toContain('was not looked at yet');
    expect(extras(one, restarted, 2).count).toBe(0);
    const asked = { after: at(7, 1000), count: 0, end: at(7, 1000), checked: at(8, 120) };
    expect(extras(one, { ...restarted, own: asked }).count).toBe(0);
  });

  it('are everything where only one of two has GTIDs, and say so', () => {
    const gtid = { kind: 'mysql', executed: '', uuid: '' } as const;
    expect(extras(one, gtid)).toEqual({
      count: 1,
      list: "cannot be compared: one has no GTIDs (gtid_mode is not ON), the other MySQL's GTIDs",
    });
  });

  it('survive a document, and the same history is the same', () => {
    expect(sameHistory(History.parse(JSON.parse(JSON.stringify(one))), one)).toBe(false);
    const whole = { ...two, applied: { '1': at(3, 900) } };
    expect(sameHistory(History.parse(JSON.parse(JSON.stringify(one))), whole)).toBe(true);
  });
});

describe('what a MySQL server with GTID has lost of its own', () => {
  const X = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const mysql = (executed: string, uuid: string) => ({ kind: 'mysql', executed, uuid }) as const;

  it('is no extra, but keeps it from following: it would skip that', () => {
    const back = mysql(`${X}:1-97`, X);
    const peer = mysql(`${X}:1-100`, 'other');
    expect(extras(back, peer).count).toBe(0);
    expect(obstacles(back, peer)).toMatchObject({ count: 3, list: expect.stringContaining(`${X}:98-100`) });
    expect(extras(peer, back)).toEqual({ count: 3, list: `${X}:98-100` });
  });

  it("does not hold the source's own transactions against its follower", () => {
    expect(extras(mysql(`${X}:1-105`, 'other'), mysql(`${X}:1-100`, X), 1).count).toBe(0);
    expect(extras(mysql(`${X}:1-105`, 'other'), mysql(`${X}:1-100`, X)).count).toBe(5);
  });
});

import { describe, expect, it } from 'vitest';
import { extras, isContained, misfit, obstacles, sameHistory } from '../../../src/core/history.ts';

const maria = (state: string, received = '') => ({ kind: 'mariadb', state, received }) as const;
const mysql = (executed: string) => ({ kind: 'mysql', executed, uuid: '' }) as const;

describe('extras of MariaDB histories', () => {
  it('names what the old writer wrote last and nobody received', () => {
    expect(extras(maria('0-1-100,0-2-50', '0-2-50'), maria('0-1-98,0-2-110', '0-1-98'))).toEqual({
      count: 2,
      list: '0-1-99..100',
    });
  });

  it('finds none when the other holds the same and more', () => {
    expect(extras(maria('0-1-100', ''), maria('0-1-100,0-2-140', '0-1-100')).count).toBe(0);
  });

  it('counts the first writes of a server whose domain went on from what the other wrote', () => {
    expect(extras(maria('0-2-95,0-1-100', '0-2-95'), maria('0-2-95', ''))).toEqual({
      count: 5,
      list: '0-1-96..100',
    });
  });

  it('takes a copy that received up to a point as holding all before it', () => {
    expect(extras(maria('0-1-50,0-3-40', ''), maria('', '0-1-50')).count).toBe(0);
  });

  it("still sees the extras after the old writer pulled the new one's transactions over them", () => {
    expect(extras(maria('0-1-100,0-2-110', '0-2-110'), maria('0-1-98,0-2-110', '0-1-98')).list).toBe(
      '0-1-99..100',
    );
  });

  it("does not hold the source's own transactions against its follower", () => {
    expect(extras(maria('0-1-105,0-2-50', '0-1-105'), maria('0-1-100,0-2-50', '0-2-50'), 1).count).toBe(0);
  });

  it('names all of them although a failed start moved what the old writer received', () => {
    const old = maria('0-1-1067,0-2-1000', '0-2-1063');
    expect(extras(old, maria('0-1-1062,0-2-1063', '0-1-1062')).list).toBe('0-1-1063..1067');
  });

  it('does not count what it applied from the other before it wrote on', () => {
    const thawed = maria('0-1-109,0-2-101', '0-2-101');
    expect(extras(thawed, maria('0-1-100,0-2-140', '0-1-100'))).toEqual({ count: 8, list: '0-1-102..109' });
  });

  it('keeps domains apart', () => {
    expect(extras(maria('0-1-10,5-1-7', ''), maria('0-1-10', '')).list).toBe('5-1-1..7');
  });

  it('knows an empty history', () => {
    expect(isContained(maria('', ''), maria('0-1-1', ''))).toBe(true);
    expect(sameHistory(maria('0-1-1,0-2-2', ''), maria('0-2-2, 0-1-1', ''))).toBe(true);
    expect(sameHistory(maria('0-1-1', ''), maria('0-1-2', ''))).toBe(false);
  });
});

describe('what a MariaDB server has lost of its own', () => {
  const back = (state: string, received: string) => ({ ...maria(state, received), serverId: 1 });

  it('is told, because it would skip that when it replicates', () => {
    const found = obstacles(back('0-1-97,0-2-50', '0-2-50'), maria('0-1-100,0-2-110', '0-1-100'));
    expect(found).toEqual({ count: 3, list: '0-1-98..100', lost: true });
    expect(misfit(found, 'db-b:3306')).toBe(
      'it lost up to 3 transactions of its own that db-b:3306 holds, and would skip what it wrote itself',
    );
  });

  it('is told also after it has received something later', () => {
    const found = obstacles(back('0-1-97,0-2-110', '0-2-110'), maria('0-1-100,0-2-110', '0-1-100'));
    expect(found).toEqual({ count: 3, list: '0-1-98..100', lost: true });
  });

  it('is told of an empty server, and of one restored from an old copy', () => {
    expect(obstacles(back('', ''), maria('0-1-100,0-2-110', '')).list).toBe('0-1-1..100');
    expect(obstacles(back('', '0-1-60'), maria('0-1-100,0-2-110', '')).list).toBe('0-1-61..100');
  });

  it('is told when only the applied position of the other one knows of it', () => {
    expect(obstacles(back('0-1-97', ''), maria('0-2-110', '0-1-100')).list).toBe('0-1-98..100');
  });

  it('is nothing on a server rebuilt from the other one, nor on one that holds all, nor in another domain', () => {
    expect(obstacles(back('', '0-2-110'), maria('0-1-100,0-2-110', '')).count).toBe(0);
    expect(obstacles(back('', '0-1-100'), maria('0-1-100', '')).count).toBe(0);
    expect(obstacles(back('0-1-100', ''), maria('0-1-100,0-2-110', '')).count).toBe(0);
    expect(obstacles(back('5-1-7', '0-2-50'), maria('5-1-7,0-2-50', '')).count).toBe(0);
  });
});

describe('extras of MySQL histories', () => {
  const X = '3E11FA47-71CA-11E1-9E33-C80AA9429562';
  const Y = '4e11fa47-71ca-11e1-9e33-c80aa9429562';

  it('subtracts intervals, whatever the case and the line breaks', () => {
    expect(extras(mysql(`${X}:1-20,\n${Y}:1-5`), mysql(`${X.toLowerCase()}:1-10:12-20`))).toEqual({
      count: 6,
      list: `${X.toLowerCase()}:11,${Y}:1-5`,
    });
  });

  it('keeps tagged transactions apart', () => {
    expect(extras(mysql(`${Y}:1-5:app:1-3`), mysql(`${Y}:1-9`)).list).toBe(`${Y}:app:1-3`);
  });

  it('never calls two families equal', () => {
    expect(extras(mysql(`${Y}:1`), maria('0-1-1')).count).toBeGreaterThan(0);
  });
});

import { describe } from 'vitest';
import { startMysqlPair } from '../support/mysql56.ts';
import { mysql56 } from '../support/mysql56-program.ts';
import { realWorld } from './real-world.ts';
import { serverContract } from './server.contract.ts';

const MYSQL = { flavour: 'mysql', keepsXa: false, noticesDivergence: false } as const;

describe.skipIf((await mysql56()) === null)('MySQL 5.6', () => {
  serverContract('with GTID', { ...MYSQL, history: 'mysql', gtid: true }, async () =>
    realWorld(await startMysqlPair({ gtid: true })),
  );
  serverContract('by file and position', { ...MYSQL, history: 'binlog', gtid: false }, async () =>
    realWorld(await startMysqlPair({ gtid: false })),
  );
});

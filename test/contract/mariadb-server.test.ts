import { startMariaPair } from '../support/mariadb.ts';
import { realWorld } from './real-world.ts';
import { serverContract } from './server.contract.ts';

serverContract(
  'MariaDB',
  { flavour: 'mariadb', history: 'mariadb', gtid: true, keepsXa: true, noticesDivergence: true },
  async () => realWorld(await startMariaPair()),
);

import { startMariaPair } from '../support/mariadb.ts';
import { leaseContract } from './lease.contract.ts';
import { realWorld } from './real-world.ts';
import { serverContract } from './server.contract.ts';

serverContract(
  'MariaDB',
  { flavour: 'mariadb', history: 'mariadb', gtid: true, keepsXa: true, noticesDivergence: true },
  async () => realWorld(await startMariaPair()),
);
leaseContract('MariaDB', async () => realWorld(await startMariaPair()));

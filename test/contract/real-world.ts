import { createServer } from '../../src/mysql/server.ts';
import type { Server } from '../../src/ports.ts';
import type { DbPair, DbServer } from '../support/db-server.ts';
import { pause } from '../support/eventually.ts';
import type { TestSession } from '../support/mariadb-admin.ts';
import { accounts } from '../support/mariadb-template.ts';
import type { ContractClient, ContractMember, ContractWorld } from './server.contract.ts';

/** Two real servers, a contract's world. */
export async function realWorld(pair: DbPair): Promise<ContractWorld> {
  const handles: Server[] = [];
  const sessions: TestSession[] = [];
  const member = (server: DbServer): ContractMember => ({
    address: server.address,
    adapter: ({ onLost, wrongPassword = false, blocks = false } = {}) => {
      const login = blocks ? accounts.guard : accounts.mmm;
      const handle = createServer({
        address: server.address,
        user: login.user,
        password: wrongPassword ? 'wrong' : login.password,
        blocking: blocks ? { user: '^app$', host: '%' } : null,
        database: 'information_schema',
        charset: 'utf8',
        connectTimeoutMs: 1000,
        excludeUsers: [],
        ...(onLost === undefined ? {} : { onLost }),
      });
      handles.push(handle);
      return handle;
    },
    client: async () => {
      const session = await server.session();
      sessions.push(session);
      return describeClient(session);
    },
    holds: async (value) => (await server.admin(`SELECT 1 FROM t.x WHERE v = '${value}' LIMIT 1`)).length > 0,
    endXa: async () => {
      await server.admin("XA ROLLBACK 'contract'");
    },
    crash: () => server.kill9(),
    restart: () => server.start(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
  });
  return {
    a: member(pair.a),
    b: member(pair.b),
    passTime: pause,
    dispose: async () => {
      for (const one of [...handles, ...sessions]) one.end();
      await pair.dispose();
    },
  };
}

function describeClient(session: TestSession): ContractClient {
  return {
    write: async (value) => {
      await session.query(`INSERT INTO x (v) VALUES ('${value}')`);
    },
    startStatement: async () => {
      const running = session.query("UPDATE x SET v = 'long' WHERE SLEEP(1) = 0 LIMIT 1").then(
        () => 'finished' as const,
        () => 'killed' as const,
      );
      return {
        letItEnd: async () => {
          await running;
        },
        outcome: () => running,
      };
    },
    prepareXa: async () => {
      const steps = [
        "XA START 'contract'",
        "INSERT INTO x (v) VALUES ('xa')",
        "XA END 'contract'",
        "XA PREPARE 'contract'",
      ];
      for (const step of steps) await session.query(step);
    },
    connected: () =>
      session.query('SELECT 1').then(
        () => true,
        () => false,
      ),
  };
}

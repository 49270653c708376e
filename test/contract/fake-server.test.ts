import { createFakeWorld } from '../support/fake-server.ts';
import { leaseContract } from './lease.contract.ts';
import { type ContractMember, type ContractWorld, serverContract } from './server.contract.ts';

const TRAITS = {
  flavour: 'mariadb',
  history: 'mariadb',
  gtid: true,
  keepsXa: true,
  noticesDivergence: true,
} as const;

serverContract('the fake server', TRAITS, makeWorld);
leaseContract('the fake server', makeWorld);

async function makeWorld(): Promise<ContractWorld> {
  const [first, second] = ['10.0.0.1:3306', '10.0.0.2:3306'];
  let nowMs = 0;
  const world = createFakeWorld([{ address: first, writable: true }, { address: second }], () => nowMs);
  world.link(first, second);
  world.link(second, first);

  const member = (address: string): ContractMember => {
    const server = world.server(address);
    return {
      address,
      adapter: ({ onLost, wrongPassword = false, blocks = false } = {}) => {
        if (wrongPassword) server.refuseLogins('check user and password');
        return world.adapter(address, { blocks, ...(onLost === undefined ? {} : { onLost }) });
      },
      client: async () => {
        const client = server.connect();
        return {
          write: async (value) => {
            client.write(value);
          },
          startStatement: async () => {
            const statement = client.startStatement();
            return {
              letItEnd: async () => statement.finish(),
              outcome: async () => (client.connected ? 'finished' : 'killed'),
            };
          },
          prepareXa: async () => client.prepareXa(),
          connected: async () => client.connected,
        };
      },
      holds: async (value) => {
        world.deliver();
        return server.log.some((transaction) => transaction.value === value);
      },
      endXa: async () => server.connect().endXa(),
      crash: async () => server.crash(),
      restart: async () => server.restart(),
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
    };
  };
  const moving = (one: ContractMember): ContractMember => ({
    ...one,
    adapter: (options) => {
      const server = one.adapter(options);
      return {
        ...server,
        look: (timeoutMs) => {
          world.deliver();
          return server.look(timeoutMs);
        },
      };
    },
  });
  return {
    a: moving(member(first)),
    b: moving(member(second)),
    passTime: async (ms) => {
      nowMs += ms;
    },
    dispose: async () => undefined,
  };
}

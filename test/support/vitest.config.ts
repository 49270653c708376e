import { defineConfig } from 'vitest/config';
import { closingLine } from './closing-line.ts';

/** Tests with servers run one file at a time: they measure, and a busy machine would be measured with them. */
const withServers = {
  fileParallelism: false,
  testTimeout: 120_000,
  hookTimeout: 120_000,
  globalSetup: ['test/support/global-setup.ts'],
};

export default defineConfig({
  test: {
    reporters: ['default', closingLine()],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 } },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 120_000 } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts'], ...withServers } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...withServers } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          ...withServers,
          testTimeout: 180_000,
          globalSetup: ['test/support/global-setup.ts', 'test/e2e/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          ...withServers,
          testTimeout: 180_000,
          globalSetup: ['test/support/global-setup.ts', 'test/e2e/global-setup.ts'],
        },
      },
    ],
  },
});

import type { Reporter, TestModule } from 'vitest/node';

/** Ends a run with `N passed, N failed`, for whoever reads only the last line; what could not run stands above. */
export function closingLine(): Reporter {
  return {
    onTestRunEnd(modules, errors) {
      const count = {
        passed: 0,
        failed: errors.length + modules.filter(isBroken).length,
        skipped: 0,
        pending: 0,
      };
      for (const module of modules) {
        for (const test of module.children.allTests()) count[test.result().state] += 1;
      }
      const skipped = count.skipped + count.pending;
      if (skipped > 0) console.log(`\nNOT RUN: ${skipped} tests, see above what they lack`);
      console.log(`\n${count.passed} passed, ${count.failed} failed`);
    },
  };
}

/** A file that could not even be loaded has no tests to count. */
function isBroken(module: TestModule): boolean {
  return module.errors().length > 0;
}

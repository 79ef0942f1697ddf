import { defineConfig } from 'vitest/config';
import type { Reporter } from 'vitest/node';

/** Names the tests that needed their second try: each is a flaw to mend. */
const secondTries: Reporter = {
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky) process.stdout.write(`passed at the second try: ${test.fullName}\n`);
  },
};

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A hang ends here; a busy machine does not.
    testTimeout: 300_000,
    // Each file gets its own process: engines start worker threads and set V8 flags.
    pool: 'forks',
    maxWorkers: 2,
    // On a machine of CI neighbours may take a core for seconds.
    retry: process.env.CI === 'true' ? 1 : 0,
    reporters: ['default', secondTries],
  },
});

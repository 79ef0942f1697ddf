import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A hang ends here; a busy machine does not.
    testTimeout: 300_000,
    // Each file gets its own process: engines start worker threads and set V8 flags.
    pool: 'forks',
    maxWorkers: 2,
  },
});

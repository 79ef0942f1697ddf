import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    // Each file gets its own process: engines start worker threads and set V8 flags.
    pool: 'forks',
    maxWorkers: 2,
  },
});

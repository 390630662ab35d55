import { defineConfig } from 'vitest/config';

/** One run for the whole repository; the first set-up starts a real PostgreSQL when a test asks for it. */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'packages/*/tests/**/*.test.ts', 'tests/**/*.test.ts'],
    globalSetup: ['packages/server/tests/start-postgres.ts'],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});

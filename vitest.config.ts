import { defineConfig } from 'vitest/config';

/** Stories that run on either database; the others choose theirs. */
const CHAPTERS = [
  ...['accounts', 'delayed', 'directory', 'encryption', 'ephemeral', 'federation', 'guests', 'media', 'presence'],
  ...['push', 'relations', 'rooms', 'rtc', 'search', 'sliding', 'spaces', 'sync'],
];
/** Clients that others wrote, which go on for a while after they were stopped: each file has a process of its own. */
const OTHERS_CLIENTS = 'packages/server/tests/{real-client,browser}/**/*.test.ts';
const STORIES = `packages/server/tests/{${CHAPTERS}}-*.test.ts`;

/**
 * One run for the whole repository: every test, and the stories of whole servers a second time on PostgreSQL. The first
 * set-up starts a real one when a test asks for it.
 */
export default defineConfig({
  test: {
    globalSetup: ['packages/server/tests/start-postgres.ts'],
    maxWorkers: 2,
    // The files that a process runs share the modules that they import: to import the server anew for each takes longer
    // than most of them. So a module, of the server or of tests, keeps nothing that another test could notice.
    isolate: false,
    // A machine that is busy with other things takes seconds for what takes milliseconds otherwise.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/tests/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: [OTHERS_CLIENTS, '**/node_modules/**'],
        },
      },
      { extends: true, test: { name: 'clients', include: [OTHERS_CLIENTS], isolate: true } },
      {
        extends: true,
        test: { name: 'postgres', include: [STORIES], env: { LIMPET_TEST_DATABASE: 'postgres' } },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config'

/** Tests that build the package, run the compiler, open a browser, start the command in a real process, or simulate many windows. */
const slowTests = [
  'tests/package/**/*.test.ts',
  'tests/readme/**/*.test.ts',
  'tests/cli/process/**/*.test.ts',
  'tests/incident/evaluation/arms.test.ts',
  'tests/incident/report/html/{browser,scenario-pages}.test.ts',
  'tests/router/check-time.test.ts',
  'tests/tools/verdicts/stability.test.ts',
  'tests/tools/inference/round-trip.test.ts',
]

export default defineConfig({
  test: {
    // One process per core. The default leaves one core idle, which is half of a machine with two.
    maxWorkers: '100%',
    projects: [
      {
        // The inner loop: `npm run test:unit` and `npm run test:watch`.
        extends: true,
        test: {
          name: 'unit',
          // Some tests open sockets or try thousands of inputs; none measures time, so a busy machine must not fail them.
          testTimeout: 180_000,
          hookTimeout: 60_000,
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/temporal/**', 'tests/live/**', 'tests/bench/**', ...slowTests],
        },
      },
      {
        extends: true,
        test: { name: 'slow', include: slowTests, testTimeout: 180_000, hookTimeout: 180_000 },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['tests/**/*.test-d.ts'] },
        },
      },
      {
        // Real servers and native workers: one file at a time in its own process, after all other tests.
        extends: true,
        test: {
          name: 'temporal',
          sequence: { groupOrder: 1 },
          include: ['tests/temporal/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        // The real endpoint of MiniMax; needs ANTHROPIC_AUTH_TOKEN.
        extends: true,
        test: { name: 'live', include: ['tests/live/**/*.test.ts'], testTimeout: 300_000 },
      },
    ],
  },
})

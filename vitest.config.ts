import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // One process a core: by default one core is left idle, which is half of them on two.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Some tests build, compile or start processes: slow on a busy machine, and no test measures time.
          testTimeout: 180_000,
          hookTimeout: 60_000,
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/temporal/**', 'tests/live/**', 'tests/bench/**'],
        },
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
        // Real servers and native workers: one file at a time in its own process, when all else is done.
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
        extends: true,
        test: { name: 'live', include: ['tests/live/**/*.test.ts'], testTimeout: 300_000 },
      },
    ],
  },
})

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { reportFolder, reportFolderName } from '../../../lib/incident/report/report-files.ts'

const startedAt = new Date('2026-02-17T14:15:00.123Z')

test('a report folder is named after the scenario and the time', () => {
  const name = reportFolderName({ scenario: 'kv_cache_pressure', startedAt, id: 'one' })
  expect(name).toMatch(/^kv_cache_pressure-20260217T141500Z-[0-9a-f]{8}$/)
  expect(reportFolderName({ scenario: 'kv_cache_pressure', startedAt, id: 'one' })).toBe(name)
})

test('runs of one scenario that start in the same second have folders of their own', () => {
  const ids = Array.from({ length: 200 }, (_, number) => `run ${number}`)
  const names = ids.map((id) => reportFolderName({ scenario: 'kv_cache_pressure', startedAt, id }))
  expect(new Set(names).size).toBe(ids.length)
})

test('two scenarios with the same letters have folders of their own', () => {
  const names = ['a/b', 'a.b', 'a b', 'ä', 'ö', ''].map((scenario) =>
    reportFolderName({ scenario, startedAt, id: 'one' }),
  )
  expect(new Set(names).size).toBe(names.length)
})

test('any scenario id gives one short and safe folder name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (scenario) => {
      const name = reportFolderName({ scenario, startedAt, id: 'one' })
      expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]*-20260217T141500Z-[0-9a-f]{8}$/)
      expect(name.length).toBeLessThan(120)
    }),
  )
})

test.each(['..', '../out', '/etc', 'a/b', 'a\\b', 'a\0b', ''])(
  '%j is not the name of a report folder',
  async (name) => {
    const directory = await mkdtemp(join(tmpdir(), 'tenrounds-reports-'))
    try {
      await expect(reportFolder(directory, name)).rejects.toMatchObject({ code: 'invalid_option' })
      expect(await readdir(directory)).toEqual([])
    } finally {
      await rm(directory, { recursive: true })
    }
  },
)

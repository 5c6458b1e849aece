import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly integrity?: string; readonly resolved?: string; readonly link?: true }>
  >
}

test.each(['package-lock.json', 'tests/bench/package-lock.json', 'tests/bench/temporal-peers/package-lock.json'])(
  'every entry of %s has an integrity hash and names no registry',
  (file) => {
    const { packages }: LockFile = JSON.parse(readFileSync(join(root, file), 'utf8'))
    const entries = Object.entries(packages).filter(([name, { link }]) => name !== '' && link !== true)
    expect(entries.length).toBeGreaterThan(100)
    expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([name]) => name)).toEqual([])
    expect(entries.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name)).toEqual([])
  },
)

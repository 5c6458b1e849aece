import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reportFolder } from '../cli/support/report-folder.ts'
import { runMain } from '../cli/support/start-main.ts'
import { repository } from '../support/readme-examples.ts'

// The commands of the worked example in README print what README shows. `…` stands for what README leaves out.

const folder = 'tests/reference/vllm/saturated-server'
const readme = await readFile(join(repository, 'README.md'), 'utf8')

/** The fences of README that follow a mark, such as `<!-- output -->`. */
function fencesAfter(mark: string): string[] {
  return [...readme.matchAll(/<!-- (\w+) -->\n```\w+\n(.*?)\n```/gs)].flatMap(([, name, text = '']) =>
    name === mark ? [text] : [],
  )
}

/** A pattern of a text that README shows. */
function patternOf(shown: string): RegExp {
  const parts = shown.split(/(…|<time>)/).map((part) => {
    if (part === '…') return '[^]*?'
    return part === '<time>' ? '[\\w-]+' : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}\\s*$`)
}

test.each(fencesAfter('output').map((fence) => [fence.split(' ', 5).at(-1), fence] as const))(
  'README shows what %s prints',
  async (_, fence) => {
    await using reports = await reportFolder()
    const [, command = '', argument = '', shown = ''] =
      /^\$ npx tsx lib\/cli\/bin\.ts (\w+) (\S+)\n(.*)$/s.exec(fence) ?? []
    expect(argument).toBe(folder)
    const options = command === 'run' ? ['--reports', reports.path] : []
    const { code, stdout } = await runMain([command, join(repository, folder), ...options])
    expect(code).toBe(0)
    expect(stdout.replace(reports.path, 'reports')).toMatch(patternOf(shown))
    if (command !== 'run') return
    const [report] = await reports.read()
    const [table = ''] = fencesAfter('report')
    expect(report?.markdown).toMatch(patternOf(`…${table}`))
  },
)

test('README shows the check and the run of the folder', () => {
  expect(fencesAfter('output').map((fence) => fence.split(' ', 5).at(-1))).toEqual(['check', 'run'])
  expect(fencesAfter('report')).toHaveLength(1)
})

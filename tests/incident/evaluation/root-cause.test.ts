import { describe, expect, test } from 'vitest'
import { oracleOf, oracleSchema, scenariosWithOracle } from '../../../lib/incident/evaluation/oracle.ts'
import { judgeRootCause } from '../../../lib/incident/evaluation/score.ts'
import { compileSchema } from '../../../router/validation.ts'
import { wordings } from './wordings.ts'

function judge(words: string, scenario: string) {
  const [category = '', root_cause = ''] = words.split(/: (.*)/s)
  return judgeRootCause({ category, root_cause }, oracleOf(scenario))
}

test('every scenario with an oracle has at least three right and two wrong wordings', () => {
  expect(Object.keys(wordings).sort()).toEqual([...scenariosWithOracle()])
  for (const { right, wrong } of Object.values(wordings)) {
    expect(right.length).toBeGreaterThanOrEqual(3)
    expect(wrong.length).toBeGreaterThanOrEqual(2)
  }
})

describe.each(Object.entries(wordings))('%s', (scenario, { right, wrong }) => {
  test('its oracle fulfils the schema', () => {
    expect(compileSchema(oracleSchema)(oracleOf(scenario))).toEqual([])
  })

  test.each(right)('is named by "%s"', (words) => {
    expect(judge(words, scenario)).toMatchObject({ right: true })
  })

  test("is named by the oracle's own words", () => {
    expect(judgeRootCause({ category: '', root_cause: oracleOf(scenario).cause }, oracleOf(scenario))).toMatchObject({
      right: true,
    })
  })

  test.each(wrong)('is not named by "%s"', (words) => {
    expect(judge(words, scenario)).toMatchObject({ right: false })
  })

  test('is not named by the right words of any other scenario', () => {
    const accepted = Object.entries(wordings)
      .filter(([other]) => other !== scenario)
      .flatMap(([, { right: others }]) => others.filter((words) => judge(words, scenario).right))
    expect(accepted).toEqual([])
  })
})

test('a list of all causes names none', () => {
  const all = Object.values(wordings).map(({ right: [first = ''] }) => first.split(/: (.*)/s)[1] ?? '')
  for (const scenario of Object.keys(wordings)) {
    expect(judge(`several: One of these: ${all.join(' ')}`, scenario), scenario).toMatchObject({ right: false })
  }
})

test('a cause that the words deny is not named', () => {
  expect(judge('queue: Requests wait, rather than because the KV cache is full.', 'kv_cache_pressure').right).toBe(
    false,
  )
  expect(judge('gpu: The GPU is slow, not the tokenizer.', 'slow_tokenizer').right).toBe(false)
})

import { describe, expect, test } from 'vitest'
import { assertions } from '../../../lib/incident/evaluation/assertions.ts'
import { oracleOf, oracleSchema, scenariosWithOracle } from '../../../lib/incident/evaluation/oracle.ts'
import { judgeRootCause } from '../../../lib/incident/evaluation/root-cause.ts'
import { compileSchema } from '../../../router/validation.ts'
import { readWordings, wordingFiles } from './read-wordings.ts'

function judge(words: string, scenario: string) {
  const [category = '', root_cause = ''] = words.split(/: (.*)/s)
  return judgeRootCause({ category, root_cause }, oracleOf(scenario))
}

/** The sentences without the class. */
function sentencesOf(words: string): string {
  return words.replace(/^[^:]*: /, '')
}

const scenarios = scenariosWithOracle()
const files = wordingFiles.map((file) => ({ file, wordings: readWordings(file) }))

test('the wordings have at least ten right and ten wrong ones for each scenario', () => {
  for (const scenario of scenarios) {
    const all = files.flatMap(({ wordings }) => wordings[scenario] ?? [])
    expect(all.flatMap(({ right }) => right).length, scenario).toBeGreaterThanOrEqual(10)
    expect(all.flatMap(({ wrong }) => wrong).length, scenario).toBeGreaterThanOrEqual(10)
  }
})

describe.each(files)('$file', ({ wordings }) => {
  test.each(Object.entries(wordings))('right words name the cause of %s', (scenario, { right }) => {
    expect(right.flatMap((words) => (judge(words, scenario).right ? [] : [words]))).toEqual([])
  })

  test.each(Object.entries(wordings))('wrong words do not name the cause of %s', (scenario, { wrong }) => {
    expect(wrong.filter((words) => judge(words, scenario).right)).toEqual([])
  })

  test.each(Object.entries(wordings))('the right words of %s do not name another cause', (scenario, { right }) => {
    const others = scenarios.filter((other) => other !== scenario)
    const accepted = others.flatMap((other) => right.filter((words) => judge(words, other).right))
    expect(accepted).toEqual([])
  })
})

test.each(scenarios)('the oracle of %s fulfils the schema, and its own words name the cause', (scenario) => {
  const oracle = oracleOf(scenario)
  expect(compileSchema(oracleSchema)(oracle)).toEqual([])
  expect(judgeRootCause({ category: '', root_cause: oracle.cause }, oracle)).toMatchObject({ right: true })
  for (const other of oracle.root_cause.may_name ?? []) expect(scenarios).toContain(other)
})

test('a list of all causes names none', () => {
  const all = Object.values(readWordings('long')).map(({ right: [first = ''] }) => sentencesOf(first))
  for (const scenario of scenarios) {
    expect(judge(`several: One of these: ${all.join(' ')}`, scenario), scenario).toMatchObject({ right: false })
  }
})

test('two causes as alternatives name neither', () => {
  const wordings = Object.entries(readWordings('short')).map(
    ([
      scenario,
      {
        right: [first = ''],
      },
    ]) => ({
      scenario,
      cause: sentencesOf(first).replace(/\.$/, ''),
    }),
  )
  for (const { scenario, cause } of wordings) {
    for (const { scenario: other, cause: second } of wordings) {
      // "Nothing is wrong" is no other cause, because right words also say what is healthy.
      if (other === scenario || other === 'healthy_control') continue
      expect(judge(`several: Either ${cause}, or ${second}.`, scenario), `${scenario}, ${other}`).toMatchObject({
        right: false,
      })
    }
  }
})

test.each([
  ['The KV cache is full, not the batch limit.', 'the kv cache is full, not THE BATCH LIMIT;'],
  ['not a batch limit but KV cache exhaustion', 'not A BATCH LIMIT but kv cache exhaustion'],
  ['UCX and NIXL are not used.', 'UCX AND NIXL are not USED;'],
  ['No PCIe, ECC or power fault was seen; memory is full.', 'no PCIE, ECC OR POWER FAULT WAS SEEN; memory is full;'],
  ['The server does not respond.', 'the server fails to respond;'],
  ['max_num_seqs is too low, and the tokenizer is fine.', 'max num seqs is too low, AND THE TOKENIZER is fine;'],
  ['It is not only slow.', 'it is slow;'],
  ['It died (not an OOM kill) at once.', 'it died (not AN OOM KILL) at once;'],
])('denied words are in upper case: %s', (words, expected) => {
  expect(assertions(words).replace(/[\s;]+$/, '')).toBe(expected.replace(/;$/, ''))
})

test('long texts are judged in a short time', () => {
  const words = `${'not a and b, or the kv cache is not c: '.repeat(200)} ${'cpu prompt max num seqs '.repeat(200)}`
  for (const scenario of scenarios) judge(`kv_cache: ${words}`, scenario)
})

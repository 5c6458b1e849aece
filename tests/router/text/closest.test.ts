import { expect, test } from 'vitest'
import { closest } from '../../../router/text/closest.ts'

test.each([
  ['maxNumSeqs', 'max_num_seqs'],
  ['max-num-seq', 'max_num_seqs'],
  ['MAX_NUM_SEQS', 'max_num_seqs'],
  ['ID', 'id'],
])('%s was meant to be %s', (name, meant) => {
  expect(closest(name, ['temperature', 'max_num_seqs', 'id'])).toBe(meant)
})

test.each([
  ['c', ['a']],
  ['id', ['ip']],
  ['', ['a']],
  ['abc', ['xyz', 'abx_y']],
  ['temperatur', []],
])('%j is close to none of %j', (name, candidates) => {
  expect(closest(name, candidates)).toBeUndefined()
})

test('the beginning of exactly one name, with three letters or more, is recognised', () => {
  expect(closest('warn', ['warning', 'error'])).toBe('warning')
  expect(closest('config', ['config_id', 'port'])).toBe('config_id')
  expect(closest('max', ['max_num_seqs', 'temperature'])).toBe('max_num_seqs')
  expect(closest('max', ['max_num_seqs', 'max_model_len'])).toBeUndefined()
  expect(closest('ma', ['max_num_seqs'])).toBeUndefined()
})

test.each(['functions.ping', 'tools:ping', 'mcp__x__ping', 'default_api/ping', 'functions.pin'])(
  '%s was meant to be ping, with any namespace',
  (name) => {
    expect(closest(name, ['search', 'ping'])).toBe('ping')
  },
)

test('a name without its namespace is the only candidate that ends with it', () => {
  expect(closest('ping', ['mcp__a__ping', 'mcp__a__search'])).toBe('mcp__a__ping')
  expect(closest('ping', ['mcp__a__ping', 'mcp__b__ping'])).toBeUndefined()
  expect(closest('functions.', ['a', 'ping'])).toBeUndefined()
})

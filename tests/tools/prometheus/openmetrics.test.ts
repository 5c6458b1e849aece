import { expect, test } from 'vitest'
import { MetricsPageError, parseMetricsPage } from '../../../tools/index.ts'

const parse = (text: string) => parseMetricsPage(`${text}\n# EOF\n`, { format: 'openmetrics' })

test('counters, gauges, infos and states form one family each, and timestamps are in seconds', () => {
  const { families } = parse(
    [
      '# HELP c_seconds Time\\nspent "here"',
      '# TYPE c_seconds counter',
      '# UNIT c_seconds seconds',
      'c_seconds_total{x="1"} 5 1.5',
      'c_seconds_created{x="1"} 1.2e9 1.5',
      '# TYPE i info',
      'i_info{version="2"} 1',
      '# TYPE s stateset',
      's{s="on"} 1',
      's{s="off"} 0',
      'loose NaN',
    ].join('\n'),
  )
  expect(families.map(({ name, type, unit, samples }) => [name, type, unit, samples.length])).toEqual([
    ['c_seconds', 'counter', 'seconds', 2],
    ['i', 'info', undefined, 1],
    ['s', 'stateset', undefined, 2],
    ['loose', 'unknown', undefined, 1],
  ])
  expect(families[0]?.help).toBe('Time\nspent "here"')
  expect(families[0]?.samples[0]).toMatchObject({ value: 5, timestamp_ms: 1500 })
})

test('histograms can have exemplars with any text in their labels', () => {
  const { samples } = parse(
    '# TYPE h histogram\nh_bucket{le="1.0",x="# "} 2 # {trace="a # b"} 0.5 1.25\nh_bucket{le="+Inf",x="# "} 3\nh_count{x="# "} 3\nh_sum{x="# "} 4',
  )
  expect(samples[0]).toEqual({
    name: 'h_bucket',
    labels: { le: '1.0', x: '# ' },
    value: 2,
    exemplar: { labels: { trace: 'a # b' }, value: 0.5, timestamp_ms: 1250 },
  })
})

test('quoted names, unknown escapes and a page without a final line feed are accepted', () => {
  const { families } = parseMetricsPage('# TYPE "a.b" counter\n{"a.b_total","x.y"="p\\q"} 1\n# EOF', {
    format: 'openmetrics',
  })
  expect(families).toMatchObject([{ name: 'a.b', samples: [{ labels: { 'x.y': 'p\\q' } }] }])
})

test('samples whose timestamps differ only below a nanosecond are one sample', () => {
  expect(parse('g 1 0.0000000001\ng 2 0.0000000002\ng 3 0.000000001').samples.map(({ value }) => value)).toEqual([1, 3])
})

test.each([
  ['a 1\n', 2, 'is missing: the page is cut off'],
  ['', 1, 'is missing'],
  ['a 1\n# EOF\nb 1\n', 3, 'text after'],
  ['a 1\n\n# EOF\n', 2, 'does not allow empty lines'],
  ['a 1\n# EOF ', 2, 'allows no comments except'],
  ['# a comment\n# EOF\n', 1, 'allows no comments except'],
  ['# TYPE a\n# EOF\n', 1, 'expected a metric name, a space and text'],
  ['# TYPE a gauge \n# EOF\n', 1, 'is not a type'],
  ['# TYPE a untyped\n# EOF\n', 1, 'is not a type'],
  ['# UNIT a seconds\n# EOF\n', 1, 'does not end with its unit'],
  ['# TYPE a_x info\n# UNIT a_x x\n# EOF\n', 2, 'has a unit'],
  ['a 1\n# HELP a x\n# EOF\n', 2, 'comes after its samples'],
  ['# TYPE a counter\na 1\n# EOF\n', 2, 'a clashes'],
  ['a 1\nb 1\na 2\n# EOF\n', 3, 'a clashes'],
  ['# TYPE a_created gauge\na_created 1\n# TYPE a counter\na_total 1\n# EOF\n', 5, 'a_created clashes'],
  ['a  1\n# EOF\n', 1, 'expected one space and a value'],
  ['a 1 \n# EOF\n', 1, 'not in seconds'],
  ['a{x="1",} 1\n# EOF\n', 1, 'expected a label name'],
  ['a{x="1", y="2"} 1\n# EOF\n', 1, 'expected a label name'],
  ['a 1 NaN\n# EOF\n', 1, 'not in seconds'],
  ['a{x="1"} 1\na{x="1"} 2\n# EOF\n', 2, 'a second sample'],
  ['a 1 2\na 1 1\n# EOF\n', 2, 'go backwards'],
  ['a 1 -1\na 1 -1.1\n# EOF\n', 2, 'go backwards'],
  ['a 1\na 1 1\n# EOF\n', 2, 'others have none'],
  ['# TYPE a counter\na_total -1\n# EOF\n', 2, 'negative'],
  ['# TYPE a counter\na_total NaN\n# EOF\n', 2, 'NaN'],
  ['# TYPE a gauge\na 1 # {} 1\n# EOF\n', 2, 'only buckets and counters can have one'],
  [`# TYPE a counter\na_total 1 # {x="${'y'.repeat(128)}"} 1\n# EOF\n`, 2, '129 characters'],
  ['# TYPE a counter\na_total 1 # {}1\n# EOF\n', 2, 'expected one space and a value'],
  ['# TYPE a counter\na_created 1\n# EOF\n', 3, 'a_created has no a_total'],
  ['# TYPE a counter\na_total{x="1"} 1\na_created{x="2"} 1\n# EOF\n', 4, 'a_created has no a_total'],
  ['{""} 1\n# EOF\n', 1, 'is empty'],
  ['{A} 1\n# EOF\n', 1, 'expected "="'],
  ['# HELP a x\r\na 1\r\n# EOF\r\n', 2, 'is not a number'],
  ['# TYPE a info\na_info 2\n# EOF\n', 2, 'an info must be 1'],
  ['# TYPE a stateset\na{a="x"} 2\n# EOF\n', 2, 'it must be 0 or 1'],
  ['# TYPE a stateset\na 1\n# EOF\n', 2, 'no label a'],
  ['# TYPE a summary\na{quantile="1.5"} 1\n# EOF\n', 2, 'from 0 to 1'],
  ['# TYPE a histogram\na_bucket{le="+INF"} 1\n# EOF\n', 2, 'written'],
  ['# TYPE a histogram\na_bucket{le="+Inf"} 0.5\n# EOF\n', 2, 'it must be an integer'],
  ['# TYPE a histogram\na_bucket{le="1"} 1\n# EOF\n', 3, 'no bucket'],
  ['# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\n# EOF\n', 5, 'out of order'],
  ['# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n# EOF\n', 4, 'are not cumulative'],
  ['# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\na_sum 1\n# EOF\n', 5, 'the count of a is 2'],
  ['# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n# EOF\n', 4, 'both count and sum'],
  [
    '# TYPE a histogram\na_bucket{x="1",le="+Inf"} 1\na_bucket{x="2",le="+Inf"} 1\na_count{x="1"} 1\n# EOF\n',
    4,
    'are not adjacent',
  ],
] as const)('%j: line %d, %s', (text, line, problem) => {
  const parsing = () => parseMetricsPage(text, { format: 'openmetrics' })
  expect(parsing).toThrow(MetricsPageError)
  expect(parsing).toThrow(new RegExp(`^line ${line}: .*${problem}`))
})

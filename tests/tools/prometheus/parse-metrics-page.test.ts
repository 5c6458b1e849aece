import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetricsPageError, parseMetricsPage } from '../../../tools/index.ts'

test('reads names, labels, escapes, values and timestamps', () => {
  const page = parseMetricsPage(
    [
      '# HELP a:b_total First \\\\ second\\nline',
      '# TYPE a:b_total counter',
      'a:b_total{x="1",y="q\\"\\\\\\n",} 1e3 1700000000123',
      '',
      '# any comment',
      'bare\t-Inf',
      'odd{ x = "y" } NaN -5',
      '{"quoted.name",l="v"} +Inf',
      '',
    ].join('\n'),
  )
  expect(page.families[0]).toMatchObject({ name: 'a:b_total', type: 'counter', help: 'First \\ second\nline' })
  expect(page.samples).toEqual([
    { name: 'a:b_total', labels: { x: '1', y: 'q"\\\n' }, value: 1000, timestamp_ms: 1_700_000_000_123 },
    { name: 'bare', labels: {}, value: '-Inf' },
    { name: 'odd', labels: { x: 'y' }, value: 'NaN', timestamp_ms: -5 },
    { name: 'quoted.name', labels: { l: 'v' }, value: '+Inf' },
  ])
  expect(page.families.find(({ name }) => name === 'bare')?.type).toBe('untyped')
})

test('a histogram is one family', () => {
  const page = parseMetricsPage('# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n')
  expect(page.families.map(({ name, samples }) => [name, samples.length])).toEqual([['h', 4]])
})

test('families can be interleaved, types can have any case, and comments are ignored', () => {
  const page = parseMetricsPage(
    '#TYPE s Summary\ns{quantile="0.5"} 1\nother 2\ns_sum 3\n# HELP\n# HELP s\n# HELP s text\n# TYPE g gauge_histogram\ng_bucket{le="1"} 0.5\n# HELP unused x\n',
  )
  expect(page.families.map(({ name, type, help, samples }) => [name, type, help, samples.length])).toEqual([
    ['s', 'summary', 'text', 2],
    ['other', 'untyped', undefined, 1],
    ['g', 'gaugehistogram', undefined, 1],
  ])
})

test('spaces and tabs at the end of a line or of the page are ignored', () => {
  const page = parseMetricsPage('# TYPE a counter \t\na 1 \n\t ')
  expect(page.families).toEqual([{ name: 'a', type: 'counter', samples: [{ name: 'a', labels: {}, value: 1 }] }])
})

test('a page that ends with # EOF is in the OpenMetrics format', () => {
  const page = parseMetricsPage(
    '# TYPE i info\ni_info{v="1"} 1\n# TYPE h histogram\nh_bucket{le="2"} 2 1.5 # {id="x"} 0.3 1.4\n' +
      'h_bucket{le="+Inf"} 3 # {} 4\nu{a=" # {b"} 7 1700000000\n# EOF\n',
  )
  expect(page.samples).toEqual([
    { name: 'i_info', labels: { v: '1' }, value: 1 },
    { name: 'h_bucket', labels: { le: '2' }, value: 2, timestamp_ms: 1500 },
    { name: 'h_bucket', labels: { le: '+Inf' }, value: 3 },
    { name: 'u', labels: { a: ' # {b' }, value: 7, timestamp_ms: 1_700_000_000_000 },
  ])
  expect(() => parseMetricsPage('a 1 noon\n# EOF\n')).toThrow('is not a number of seconds')
  expect(() => parseMetricsPage('a 1 # {} 4\n')).toThrow('integer number of milliseconds')
})

test('bytes must be UTF-8', () => {
  const bytes = new TextEncoder().encode('a 1\nb{x="ö"} 2\n')
  expect(parseMetricsPage(bytes).samples[1]?.labels).toEqual({ x: 'ö' })
  bytes[bytes.length - 6] = 0xff
  expect(() => parseMetricsPage(bytes)).toThrow('line 2: the bytes are not valid UTF-8')
})

test.each([
  { text: 'a 1', line: 1, problem: 'cut off' },
  { text: 'a 1\nb{x="1', line: 2, problem: 'cut off' },
  { text: 'a{x="1} 1\n', line: 1, problem: 'not closed' },
  { text: 'a 1\n\n9a 1\n', line: 3, problem: 'expected a metric name' },
  { text: 'a\n', line: 1, problem: 'expected a value' },
  { text: 'a 0x10\n', line: 1, problem: '"0x10" is not a number' },
  { text: 'a 1_000\n', line: 1, problem: 'is not a number' },
  { text: 'a 1 1.5\n', line: 1, problem: 'integer number of milliseconds' },
  { text: 'a 1 2 3\n', line: 1, problem: 'expected the end of the line' },
  { text: 'a{x="1",x="2"} 1\n', line: 1, problem: 'label x appears twice' },
  { text: 'a{x="\\t"} 1\n', line: 1, problem: 'unknown escape' },
  { text: '# HELP a \\d\n', line: 1, problem: 'unknown escape' },
  { text: 'a{__name__="b"} 1\n', line: 1, problem: 'reserved' },
  { text: 'a{"b"} 1\n', line: 1, problem: 'a second metric name' },
  { text: '{x="1"} 1\n', line: 1, problem: 'expected a metric name' },
  { text: 'a{x="\ufffd"} 1\n', line: 1, problem: 'is not valid UTF-8' },
  { text: 'a 1e400\n', line: 1, problem: 'is not a number' },
  { text: 'a -NaN\n', line: 1, problem: 'is not a number' },
  { text: 'a 1 9223372036854775808\n', line: 1, problem: 'integer number of milliseconds' },
  { text: '# HELP a x\n# HELP a y\n', line: 2, problem: 'second HELP' },
  { text: '# TYPE a-b gauge\n', line: 1, problem: 'expected a metric name' },
  { text: '# TYPE h histogram\nh_bucket{le="1_0"} 1\n', line: 2, problem: 'not a number' },
  { text: '# TYPE h histogram\nh_count -1\n', line: 2, problem: 'negative count' },
  { text: '# TYPE h histogram\nh_bucket{le="1"} -1\n', line: 2, problem: 'negative bucket' },
  { text: '# TYPE s summary\ns{quantile="x"} 1\n', line: 2, problem: 'not a number' },
  { text: 'a{x=1} 1\n', line: 1, problem: 'expected a label value in quotes' },
  { text: '# TYPE a gauge\n# TYPE a gauge\n', line: 2, problem: 'second TYPE' },
  { text: 'a 1\n# TYPE a gauge\n', line: 2, problem: 'after its samples' },
  { text: '# TYPE a guage\n', line: 1, problem: '"guage" is not a type' },
  { text: '# TYPE a counter\r\na 1\n', line: 1, problem: 'is not a type' },
  { text: 'a 1\r\n', line: 1, problem: 'is not a number' },
  { text: 'a{""="x"} 1\n', line: 1, problem: 'is empty' },
  { text: '{""} 1\n', line: 1, problem: 'is empty' },
  { text: '{"a","b"} 1\n', line: 1, problem: 'a second metric name' },
  { text: '{"a".x="1"} 1\n', line: 1, problem: 'expected "," or "}"' },
  { text: '# TYPE "a\\t" counter\n', line: 1, problem: 'unknown escape' },
  { text: '# TYPE "a\nb" counter\n', line: 1, problem: 'is not closed' },
  { text: '{} 1\n', line: 1, problem: 'expected a metric name' },
  { text: '# TYPE h histogram\nh_bucket 1\n', line: 2, problem: 'no label le' },
])('$text: line $line, $problem', ({ text, line, problem }) => {
  expect(() => parseMetricsPage(text)).toThrow(MetricsPageError)
  expect(() => parseMetricsPage(text)).toThrow(new RegExp(`^line ${line}: .*${problem}`))
})

test('any text is either a page or a MetricsPageError', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a{}",=\\ 1#\n]{0,40}$/)), (text) => {
      try {
        parseMetricsPage(text)
      } catch (error) {
        expect(error).toBeInstanceOf(MetricsPageError)
      }
    }),
    { numRuns: 5000 },
  )
})

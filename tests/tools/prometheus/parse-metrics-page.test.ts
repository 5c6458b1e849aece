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

test.each([
  { text: 'a 1', line: 1, problem: 'cut off' },
  { text: 'a 1\nb{x="1', line: 2, problem: 'cut off' },
  { text: 'a{x="1} 1\n', line: 1, problem: 'not closed' },
  { text: 'a 1\n\n9a 1\n', line: 3, problem: 'expected a metric name' },
  { text: 'a\n', line: 1, problem: 'expected a value' },
  { text: 'a 0x10\n', line: 1, problem: '"0x10" is not a number' },
  { text: 'a 1_000\n', line: 1, problem: 'is not a number' },
  { text: 'a 1 1.5\n', line: 1, problem: 'whole milliseconds' },
  { text: 'a 1 2 3\n', line: 1, problem: 'expected the end of the line' },
  { text: 'a{x="1",x="2"} 1\n', line: 1, problem: 'label x stands twice' },
  { text: 'a{x="\\t"} 1\n', line: 1, problem: 'unknown escape' },
  { text: 'a{x=1} 1\n', line: 1, problem: 'quoted label value' },
  { text: '# TYPE a gauge\n# TYPE a gauge\n', line: 2, problem: 'second TYPE' },
  { text: 'a 1\n# TYPE a gauge\n', line: 2, problem: 'after its samples' },
  { text: '# TYPE a guage\n', line: 1, problem: '"guage" is not a type' },
  { text: '# TYPE h histogram\nh_bucket 1\n', line: 2, problem: 'no label le' },
])('$text: line $line, $problem', ({ text, line, problem }) => {
  expect(() => parseMetricsPage(text)).toThrow(MetricsPageError)
  expect(() => parseMetricsPage(text)).toThrow(new RegExp(`^line ${line}: .*${problem.replaceAll('"', '\\"')}`))
})

test('OpenMetrics: seconds, exemplars, and an end', () => {
  const text = '# TYPE c counter\n# UNIT c seconds\nc_total 5 1.5 # {trace="x"} 0.3 1.4\n# EOF\n'
  expect(parseMetricsPage(text, { format: 'openmetrics' }).samples).toEqual([
    { name: 'c_total', labels: {}, value: 5, timestamp_ms: 1500 },
  ])
  const rejects = (page: string) => expect(() => parseMetricsPage(page, { format: 'openmetrics' }))
  rejects('a 1\n').toThrow('line 2: "# EOF" is missing')
  rejects('a 1\n\n# EOF\n').toThrow('line 2: OpenMetrics has no empty lines')
  rejects('# TYPE a counter\na 1\n# EOF\n').toThrow('has to end with _total')
  rejects('a 1\nb 1\na 2\n# EOF\n').toThrow('line 3: the lines of a do not stand together')
  rejects('# EOF\na 1\n').toThrow('line 2: nothing may follow')
})

test('any text is either a page or an error with a line', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[a{}",=\\ 1#\n]{0,40}$/)),
      fc.constantFrom('prometheus', 'openmetrics'),
      (text, format) => {
        try {
          parseMetricsPage(text, { format })
        } catch (error) {
          expect(error).toBeInstanceOf(MetricsPageError)
        }
      },
    ),
    { numRuns: 5000 },
  )
})

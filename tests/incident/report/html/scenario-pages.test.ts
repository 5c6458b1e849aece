import { expect, test } from 'vitest'
import { listScenarios, readReport, renderHtml, renderMarkdown } from '../../../../lib/incident/index.ts'
import { attribute, parsedPage } from './parsed-page.ts'
import { scenarioReport } from './scenario-pages.ts'

test.each(listScenarios())(
  'the report of %s fits its schema, and its page is valid, has unique ids, no gaps, and less than 500 KB',
  async (scenario) => {
    const { json, markdown } = await scenarioReport(scenario)
    const read = readReport(JSON.stringify(json))
    expect(read).toEqual(json)
    expect(renderMarkdown(read)).toBe(markdown)
    const html = renderHtml(json)
    expect(Buffer.byteLength(html)).toBeLessThan(500_000)
    expect(html).not.toMatch(/\bNaN\b|\bundefined\b|\[object/)
    const { elements, errors } = parsedPage(html)
    expect(errors).toEqual([])
    const ids = elements.flatMap((element) => attribute(element, 'id') ?? [])
    expect(new Set(ids).size).toBe(ids.length)
  },
)

import { expect, test } from 'vitest'
import { listScenarios } from '../../../../lib/incident/index.ts'
import { attribute, parsedPage } from './parsed-page.ts'
import { scenarioPage } from './scenario-pages.ts'

test.each(listScenarios())(
  'the page of %s is valid, has unique ids, no gaps, and less than 500 KB',
  async (scenario) => {
    const html = await scenarioPage(scenario)
    expect(Buffer.byteLength(html)).toBeLessThan(500_000)
    expect(html).not.toMatch(/\bNaN\b|\bundefined\b|\[object/)
    const { elements, errors } = parsedPage(html)
    expect(errors).toEqual([])
    const ids = elements.flatMap((element) => attribute(element, 'id') ?? [])
    expect(new Set(ids).size).toBe(ids.length)
  },
)

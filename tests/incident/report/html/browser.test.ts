import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evaluate, renderEvaluationHtml, renderHtml } from '../../../../lib/incident/index.ts'
import { findChromium, howToGetChromium } from '../../../support/chromium.ts'
import { documentWith } from './full-document.ts'
import { scenarioPage } from './scenario-pages.ts'

const found = await findChromium()
if (found === undefined) {
  if (process.env['CI'] === 'true') throw new Error(`No Chromium. ${howToGetChromium}`)
  console.warn(`The tests of report.html in a browser are skipped. ${howToGetChromium}`)
}

const hostile =
  '</style><script>document.title="owned"</script><img src="https://evil.example/p.png" onerror="alert(1)"> ' +
  `javascript:alert(1) \u202etxt.exe \u001b[31m ${'unbroken'.repeat(60)}`

/** Makers of the pages, by name. */
const pages = {
  kv_cache_pressure: () => scenarioPage('kv_cache_pressure'),
  nvidia_xid: () => scenarioPage('nvidia_xid'),
  missing_telemetry: () => scenarioPage('missing_telemetry'),
  'failed run': () => scenarioPage('linux_oom_killer', {}, { token: 'another one' }),
  'every member': async () => renderHtml(documentWith('KV cache usage: 99.8 %, Running: 64 reqs, Waiting: 211 reqs')),
  'hostile text': async () => renderHtml(documentWith(hostile)),
  evaluation: hostileEvaluation,
}

/** An evaluation with a run that did not pass and one that the provider failed, both with hostile words. */
async function hostileEvaluation(): Promise<string> {
  const scenarios = ['concurrency_cap', 'healthy_control']
  const document = await evaluate({ scenarios, subject: { arm: 'no-op' } })
  const runs = document.runs.map((run, index) => ({
    ...run,
    error: index === 0 ? null : { name: 'ModelError', message: hostile },
    result: { ...run.result, root_cause: hostile },
  }))
  return renderEvaluationHtml({ ...document, runs })
}

/** A narrow phone, a usual phone, and a screen. */
const widths = [320, 390, 1280]

describe.skipIf(found === undefined)('report.html in Chromium', () => {
  let browser: Browser
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenrounds-pages-'))
    browser = await chromium.launch(found?.path === undefined ? {} : { executablePath: found.path })
  })
  afterAll(() => browser?.close())

  describe.each(Object.entries(pages))('the page of %s', (name, make) => {
    const base = name.replaceAll(' ', '-')
    let url: string

    beforeAll(async () => {
      const file = join(folder, `${base}.html`)
      await writeFile(file, await make())
      url = pathToFileURL(file).href
    })

    test.each(['light', 'dark'] as const)('is shown in the %s scheme, as the screenshot shows', async (colorScheme) => {
      await using view = await open({ colorScheme, viewport: { width: 1280, height: 900 } })
      const picture = await view.page.screenshot({ path: join(folder, `${base}-${colorScheme}.png`), fullPage: true })
      expect(picture.length).toBeGreaterThan(blankPicture)
      expect(view.problems).toEqual([])
    })

    test.each(widths)('fits a screen of %s pixels: only its own parts scroll sideways', async (width) => {
      await using view = await open({ viewport: { width, height: 700 }, javaScriptEnabled: true })
      const widest = await view.page.evaluate(() => document.documentElement.scrollWidth)
      expect(widest).toBeLessThanOrEqual(width)
      const picture = await view.page.screenshot({ path: join(folder, `${base}-${width}.png`), fullPage: true })
      expect(picture.length).toBeGreaterThan(blankPicture)
      expect(view.problems).toEqual([])
    })

    test('is printed as a document of several pages or one', async () => {
      await using view = await open({})
      await view.page.emulateMedia({ media: 'print' })
      const pdf = await view.page.pdf({ path: join(folder, `${base}.pdf`), format: 'A4' })
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
      expect(pdf.length).toBeGreaterThan(blankPicture)
      expect(view.problems).toEqual([])
    })

    test.each(['light', 'dark'] as const)('has no problem of accessibility in the %s scheme', async (colorScheme) => {
      await using view = await open({ colorScheme, javaScriptEnabled: true, bypassCSP: true })
      // The details are closed, and axe judges only what is shown.
      await view.page.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = true
      })
      await view.page.addScriptTag({ content: await readFile(axePath, 'utf8') })
      const violations: unknown = await view.page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).slice(0, 3).join(' ')))",
      )
      expect(violations).toEqual([])
      expect(await view.page.title()).not.toBe('owned')
    })

    /** Opens the page. Messages of the console, refused loads and requests for anything else are problems. */
    async function open(options: BrowserContextOptions): Promise<View> {
      const context = await browser.newContext({ javaScriptEnabled: false, ...options })
      const page = await context.newPage()
      const problems: string[] = []
      page.on('console', (message) => problems.push(`console: ${message.text()}`))
      page.on('pageerror', (error) => problems.push(`error: ${error.message}`))
      page.on('dialog', (dialog) => problems.push(`dialog: ${dialog.message()}`))
      page.on('request', (request) => request.url() !== url && problems.push(`request: ${request.url()}`))
      await page.goto(url)
      return { page, problems, [Symbol.asyncDispose]: () => context.close() }
    }
  })
})

interface View extends AsyncDisposable {
  readonly page: Page
  readonly problems: readonly string[]
}

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Bytes that no empty picture or document of these sizes has. */
const blankPicture = 20_000

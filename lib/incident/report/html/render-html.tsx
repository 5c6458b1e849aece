/* @jsxRuntime automatic @jsxImportSource preact */
import { createHash } from 'node:crypto'
import type { ComponentChildren } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { ReportDocument } from '../report-schema.ts'
import { doNow, uncertain } from './actions.tsx'
import { course, environment } from './context.tsx'
import { beforeAndAfter } from './effect.tsx'
import { evidence, timeline } from './findings.tsx'
import { type FittedDocument, fitDocument, type PageLimits } from './fit-document.ts'
import { Head, KeyFacts } from './head.tsx'
import { type Section, sentences } from './parts.tsx'
import { alternatives, changes } from './plan.tsx'
import { plots } from './plots.tsx'
import { styles } from './styles.ts'

/** Largest page in bytes. A page must open at once, also on a phone and in a mail program. */
const maxBytes = 500_000

/** Limits of the page, from wide to narrow. Only documents with megabytes of text need the narrow ones. */
const limits: readonly [PageLimits, ...PageLimits[]] = [
  { text: 4000, items: 200, points: 500 },
  { text: 1000, items: 60, points: 300 },
  { text: 400, items: 20, points: 150 },
  { text: 100, items: 8, points: 60 },
]

/**
 * The report as one HTML file without scripts and without any other file, below 500 KB. It prints well, follows the light or
 * dark scheme of the reader, and works on a phone.
 *
 * Text from a model or a log is not trusted. It is escaped, and characters that nobody sees are shown by their numbers.
 * The page has nothing that `report.json` does not have. The same document gives the same page.
 */
export function renderHtml(document: ReportDocument): string {
  let html = ''
  for (const one of limits) {
    const fitted = fitDocument(document, one)
    // A page is longer than its data. Long lists would take seconds to render only to be rejected.
    if (one !== limits.at(-1) && jsonLength(fitted) > maxBytes) continue
    html = page(fitted)
    if (Buffer.byteLength(html) <= maxBytes) break
  }
  return html
}

/** Length of what is on the page as JSON. */
function jsonLength({ document: { agent_trace: _trace, fix_result: _result, ...shown } }: FittedDocument): number {
  return JSON.stringify(shown).length
}

function page({ document, leftOut }: FittedDocument): string {
  return renderPage({
    title: `${document.scenario}: incident report`,
    kind: 'report',
    head: <Head document={document} />,
    sections: sectionsOf(document, leftOut),
  })
}

/** The sections in the order in which people ask. */
function sectionsOf(document: ReportDocument, leftOut: readonly string[]): readonly Section[] {
  return [
    { id: 'key-facts', title: 'Key facts', content: <KeyFacts document={document} /> },
    { id: 'violations', title: 'Broken rules', content: sentences(document.violations) },
    { id: 'evidence', title: 'Evidence', content: evidence(document) },
    { id: 'uncertain', title: 'Uncertain', content: uncertain(document) },
    { id: 'do-now', title: 'Do now', content: doNow(document) },
    { id: 'timeline', title: 'What happened', content: timeline(document) },
    { id: 'plots', title: 'Plots', content: plots(document) },
    { id: 'before-and-after', title: 'Before and after', content: beforeAndAfter(document) },
    { id: 'changes', title: 'Changes', content: changes(document) },
    { id: 'alternatives', title: 'Alternatives', content: alternatives(document) },
    { id: 'environment', title: 'Environment', content: environment(document) },
    { id: 'not-looked-at', title: 'Not looked at', content: sentences(document.not_looked_at) },
    { id: 'course', title: "The agent's run", content: course(document) },
    { id: 'left-out', title: 'Left out on this page', content: sentences(leftOut.slice(0, 50)) },
  ]
}

/** Hash of the style sheet, the only one that the policy allows. */
const styleHash = createHash('sha256').update(styles).digest('base64')

/** Nothing may be loaded, run or sent: text of logs and models could contain anything. */
const policy = `default-src 'none'; style-src 'sha256-${styleHash}'; img-src 'none'; base-uri 'none'; form-action 'none'`

/** A page. */
interface Page {
  /** Title of the window. */
  readonly title: string
  /** Name for the link that skips the contents, for example `report`. */
  readonly kind: string
  /** Content above the sections: a heading of level 1 and the most important facts. */
  readonly head: ComponentChildren
  /** Sections in order. Those without content are left out. */
  readonly sections: readonly Section[]
}

/** A page as one HTML file without scripts and without any other file. All text in it is escaped. */
export function renderPage({ title, kind, head, sections: all }: Page): string {
  const sections = all.filter(({ content }) => content !== null)
  const html = renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{title}</title>
        <style>{styles}</style>
      </head>
      <body>
        <a class="skip" href="#content">
          {`Skip to the ${kind}`}
        </a>
        <div class="page">
          <header id="top">{head}</header>
          <nav aria-label="Contents">
            <ul>
              {sections.map(({ id, title }) => (
                <li>
                  <a href={`#${id}`}>{title}</a>
                </li>
              ))}
            </ul>
          </nav>
          <main id="content">
            {sections.map(({ id, title, content }) => (
              <section aria-labelledby={id} class="section">
                <h2 id={id}>{title}</h2>
                {content}
                <p class="to-top">
                  <a href="#top">Back to top</a>
                </p>
              </section>
            ))}
          </main>
        </div>
      </body>
    </html>,
  )
  return `<!DOCTYPE html>\n${html}\n`
}

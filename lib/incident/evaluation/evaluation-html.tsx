/* @jsxRuntime automatic @jsxImportSource preact */
import { excerpt } from '../../../router/text/clip.ts'
import { onOneLine } from '../../../router/text/on-one-line.ts'
import { sentences, Table } from '../report/html/parts.tsx'
import { renderPage } from '../report/html/render-html.tsx'
import type { EvaluationDocument } from './evaluation-schema.ts'
import {
  cellBytes,
  erroneousRuns,
  failedRuns,
  headline,
  method,
  scenarioColumns,
  scenarioRows,
  settingsRows,
  totalRows,
} from './evaluation-text.ts'

/** Rows of a table of single runs. The page says how many more `eval.json` has. */
const maxRows = 300

/**
 * An evaluation as one HTML page without scripts and without any other file, with the same content as the Markdown.
 *
 * It has the policy and the style sheet of the incident report. Text from models is escaped, and characters that nobody sees
 * are left out.
 *
 * @param document result of `evaluate`, or the content of an `eval.json` of this release.
 */
export function renderEvaluationHtml(document: EvaluationDocument): string {
  const { settings } = document
  const failed = failedRuns(document)
  const erroneous = erroneousRuns(document)
  return renderPage({
    title: `Evaluation: ${settings.arm}, ${settings.model}`,
    kind: 'evaluation',
    head: (
      <>
        <p class="kicker">{`Evaluation of ${settings.arm}`}</p>
        <h1>{settings.model}</h1>
        <p class="headline">{headline(document)}</p>
      </>
    ),
    sections: [
      {
        id: 'all-runs',
        title: 'All runs',
        content: <Table caption="Figures of all runs" header={['Figure', 'Value']} rows={totalRows(document)} />,
      },
      {
        id: 'scenarios',
        title: 'Scenarios',
        content: (
          <Table
            caption="Figures of each scenario"
            header={scenarioColumns}
            rows={scenarioRows(document)}
            numeric={scenarioColumns.map((_, column) => column).slice(1)}
          />
        ),
      },
      {
        id: 'failed',
        title: 'Runs that did not pass',
        content:
          failed.length === 0 ? null : (
            <>
              <Table
                caption="Runs that did not pass, with the reasons"
                header={['Scenario', 'Run', 'Named cause', 'Why']}
                rows={failed
                  .slice(0, maxRows)
                  .map(({ scenario, run, score, result }) => [
                    scenario,
                    String(run),
                    shown(result.root_cause),
                    shown((score?.reasons ?? []).join(' ')),
                  ])}
              />
              {cutNote(failed.length)}
            </>
          ),
      },
      {
        id: 'errors',
        title: 'Provider errors',
        content:
          erroneous.length === 0 ? null : (
            <>
              <Table
                caption="Runs without a score, with the error of the provider"
                header={['Scenario', 'Run', 'Error']}
                rows={erroneous
                  .slice(0, maxRows)
                  .map(({ scenario, run, error }) => [
                    scenario,
                    String(run),
                    shown(`${error?.code ?? error?.name}: ${error?.message}`),
                  ])}
              />
              {cutNote(erroneous.length)}
            </>
          ),
      },
      { id: 'method', title: 'Method', content: sentences(method) },
      {
        id: 'settings',
        title: 'Settings',
        content: (
          <Table caption="Settings of the evaluation" header={['Setting', 'Value']} rows={settingsRows(document)} />
        ),
      },
    ],
  })
}

/** A text of a model on one line, without characters that nobody sees. */
function shown(text: string): string {
  return onOneLine(excerpt(text, cellBytes))
}

/** How many rows a table leaves out. */
function cutNote(rows: number) {
  return rows <= maxRows ? null : <p>{`${maxRows} of ${rows} runs are shown. eval.json has all of them.`}</p>
}

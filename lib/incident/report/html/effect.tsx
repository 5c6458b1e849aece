/* @jsxRuntime automatic @jsxImportSource preact */
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import { figureLabel, metricLabel } from '../../../../tools/validation/figure-labels.ts'
import { ratioTexts } from '../../../../tools/validation/predicted-ratios.ts'
import { formatChange, headlineDeltas, headlineFigures, tradeoffNote } from '../figures.ts'
import type { ReportDocument } from '../report-schema.ts'
import { Badge, Part, sentences, Table, type Tone } from './parts.tsx'

type ObjectiveState = ReportDocument['objectives'][number]['state_before']
type Verdict = ReportDocument['validation']['deltas'][number]['verdict']

const stateBadges: Readonly<Record<ObjectiveState, readonly [Tone, string]>> = {
  met: ['good', '✓ met'],
  missed: ['bad', '✕ missed'],
  unknown: ['neutral', '? unknown'],
}
const verdictBadges: Readonly<Record<Verdict, readonly [Tone, string]>> = {
  better: ['good', '✓ better'],
  worse: ['bad', '✕ worse'],
  same: ['neutral', '= same'],
  unknown: ['neutral', '–'],
}

/** Objectives and figures before and after the fix, what got worse, and the prediction. */
export function beforeAndAfter(document: ReportDocument) {
  const { validation, tradeoffs } = document
  const limits = sentences(validation.limits ?? [])
  // Without a verdict the key facts say why.
  const isSaid = validation.status === 'unknown'
  return (
    <>
      {validation.deltas.length > 0 ? (
        <p>The figures after the fix are from a simulation of the same requests.</p>
      ) : (
        <p>No fix was validated, so these are the figures of the incident.</p>
      )}
      {isSaid ? null : <p>{validation.summary}</p>}
      <Part title="Objectives">{objectives(document)}</Part>
      <Part title="Figures">{figures(document)}</Part>
      <Part title="Got worse">
        {tradeoffs.length === 0 ? null : (
          <ul class="sentences">
            {tradeoffs.map(({ metric, text, reason }) => (
              <li>
                {metricLabel(metric)}: {text}
                {reason === null ? null : ` ${reason}`}
              </li>
            ))}
          </ul>
        )}
      </Part>
      <Part title="Predicted change">{prediction(document)}</Part>
      <Part title="Limits of the verdict">{limits}</Part>
    </>
  )
}

/** The objectives before and after the fix; null without any. */
export function objectives({ objectives: rows }: ReportDocument) {
  if (rows.length === 0) return null
  return (
    <Table
      caption="Objectives before and after the fix"
      header={['Objective', 'Limit', 'Before', 'After']}
      numeric={[1, 2, 3]}
      isStacked
      rows={rows.map((row) => [
        row.name,
        `${row.unit === 's' ? '≤' : '≥'} ${formatFigure(row.limit, row.unit)}`,
        <>
          {formatFigure(row.before, row.unit)} <State state={row.state_before} />
        </>,
        row.after === null ? (
          '–'
        ) : (
          <>
            {formatFigure(row.after, row.unit)} <State state={row.state_after} />
          </>
        ),
      ])}
    />
  )
}

/** The state of an objective as a sign and a word. */
function State({ state }: { readonly state: ObjectiveState }) {
  const [tone, text] = stateBadges[state]
  return <Badge tone={tone}>{text}</Badge>
}

/** Without a validation only the figures of the incident are known. */
function figures({ validation, pre_telemetry }: ReportDocument) {
  if (validation.deltas.length === 0) {
    const rows = headlineFigures(pre_telemetry)
    if (rows.length === 0) return <p>Nothing was measured.</p>
    return (
      <Table
        caption="Figures of the incident"
        header={['Figure', 'Before']}
        numeric={[1]}
        rows={rows.map(({ metric, before, unit }) => [metricLabel(metric), formatFigure(before, unit)])}
      />
    )
  }
  const rows = headlineDeltas(validation.deltas)
  if (rows.length === 0) return <p>Nothing was measured.</p>
  const note = tradeoffNote(validation)
  return (
    <>
      {note === undefined ? null : <p>{note}</p>}
      <Table
        caption="Figures before and after the fix"
        header={['Figure', 'Before', 'After', 'Change', 'Verdict']}
        numeric={[1, 2, 3]}
        isStacked
        rows={rows.map((delta) => {
          const [tone, text] = verdictBadges[delta.verdict]
          return [
            metricLabel(delta.metric),
            formatFigure(delta.before, delta.unit),
            formatFigure(delta.after, delta.unit),
            formatChange(delta),
            <Badge tone={tone}>{text}</Badge>,
          ]
        })}
      />
    </>
  )
}

/** The predicted changes with their bands, and how well the simulation reproduces the pages. */
function prediction({ validation }: ReportDocument) {
  if (validation.prediction === undefined) return null
  const { ratios, residuals } = validation.prediction
  return (
    <>
      <p>
        No telemetry of the changed engine exists. These ratios are predictions for the load that was inferred from the
        metrics pages: the value after the change, divided by the value before it. A band that contains ×1 is not
        certain.
      </p>
      <Table
        caption="Predicted ratios"
        header={['Figure', 'Ratio', 'Band']}
        numeric={[1, 2]}
        rows={ratios.map((row) => [figureLabel(row.figure).label, ...ratioTexts(row)])}
      />
      {residuals.length === 0 ? null : <p>The same simulation without the change, against the pages:</p>}
      {sentences(residuals)}
    </>
  )
}

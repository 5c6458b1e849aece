/* @jsxRuntime automatic @jsxImportSource preact */
import { summaryAfterCause } from '../figures.ts'
import type { ReportDocument } from '../report-schema.ts'
import { objectives } from './effect.tsx'
import { Badge, Place, Time, type Tone } from './parts.tsx'

/** Colours of the states and verdicts. The sign before the word says the same without colour. */
const stateTones: Readonly<Record<ReportDocument['headline']['state'], readonly [Tone, string]>> = {
  outage: ['bad', '✕ outage'],
  degraded: ['warning', '▲ degraded'],
  healthy: ['good', '✓ healthy'],
  unknown: ['neutral', '? state unknown'],
}
const verdictTones: Readonly<Record<ReportDocument['validation']['status'], readonly [Tone, string]>> = {
  improved: ['good', '✓ fix: improved'],
  unchanged: ['neutral', '= fix: unchanged'],
  regressed: ['bad', '✕ fix: regressed'],
  unknown: ['neutral', '? fix: unknown'],
}
const confidenceTones: Readonly<Record<ReportDocument['diagnosis']['confidence'], Tone>> = {
  high: 'good',
  medium: 'warning',
  low: 'warning',
}

/** The top of the page: the incident, its state, and the verdict about the fix. */
export function Head({ document }: { readonly document: ReportDocument }) {
  const { scenario, headline, validation, notice, run } = document
  const [stateTone, state] = stateTones[headline.state]
  const [verdictTone, verdict] = verdictTones[validation.status]
  return (
    <>
      <p class="kicker">Incident report</p>
      <h1>{scenario}</h1>
      <Subtitle document={document} />
      <p class="badges">
        <Badge tone={stateTone}>{state}</Badge>
        <Badge tone={verdictTone}>{verdict}</Badge>
      </p>
      <p class="note">
        First: the state of the service at the end of the window, before any fix. Second: the verdict on the fix.
      </p>
      <p class="headline">{headline.text}</p>
      {notice === null ? null : <p class="notice">{notice}</p>}
      {run.error === undefined ? null : (
        <p class="notice error">
          <strong>{run.stop_reason === 'cancelled' ? 'Cancelled' : 'Failed'}:</strong> {run.error.message}
        </p>
      )}
    </>
  )
}

/** Model, engine, hardware and time of the incident in one line. What is not known is left out. */
function Subtitle({ document: { environment, pre_telemetry } }: { readonly document: ReportDocument }) {
  const { model, engine_version, node } = environment
  const { start, end } = pre_telemetry.window
  const parts = [model, engine_version === null ? null : `vLLM ${engine_version}`, node].filter((part) => part !== null)
  return (
    <p class="subtitle">
      {parts.map((part) => `${part} · `).join('')}
      <Time time={start} /> to <Time time={end} day={start.slice(0, 'YYYY-MM-DD'.length)} />
    </p>
  )
}

/** When, what changed, why, and what to do, in one view. */
export function KeyFacts({ document }: { readonly document: ReportDocument }) {
  const { onset, trigger, diagnosis, fix_plan: plan, validation, run } = document
  const hasDiagnosis = run.stop_reason !== 'cancelled' || run.rounds > 0
  const rest = summaryAfterCause(diagnosis, plan?.summary ?? '')
  return (
    <dl class="facts">
      <div>
        <dt>Onset</dt>
        <dd>
          {onset.time === null ? null : (
            <p class="figure">
              <Time time={onset.time} />
            </p>
          )}
          <p>{onset.text}</p>
          {onset.source === null ? null : <p class="note">Source: {onset.source}</p>}
        </dd>
      </div>
      <div>
        <dt>Trigger</dt>
        <dd>
          <p class="figure">
            {trigger.kind}
            {trigger.time === null ? null : (
              <>
                {' · '}
                <Time time={trigger.time} />
              </>
            )}
          </p>
          <p>{trigger.text}</p>
          {trigger.source === null ? null : <p class="note">Source: {trigger.source}</p>}
        </dd>
      </div>
      <div class="wide">
        <dt>Root cause</dt>
        <dd>
          {hasDiagnosis ? (
            <>
              <p class="cause">{diagnosis.root_cause}</p>
              <p>
                <Badge tone={confidenceTones[diagnosis.confidence]}>confidence: {diagnosis.confidence}</Badge>
                <Badge tone="neutral">category: {diagnosis.category}</Badge>
              </p>
              {rest === '' ? null : <p>{rest}</p>}
              <Grounds document={document} />
            </>
          ) : (
            <p>No diagnosis: the run was cancelled before the first reply.</p>
          )}
        </dd>
      </div>
      <div class="wide">
        <dt>Fix</dt>
        <dd>
          <p class="cause">{plan === null ? 'No fix was proposed.' : plan.summary}</p>
          {plan?.rationale === undefined || plan.rationale === '' ? null : <p>{plan.rationale}</p>}
          {validation.status === 'unknown' ? (
            <p>{validation.summary}</p>
          ) : (
            <>
              {objectives(document)}
              <p>
                <a href="#before-and-after">All figures before and after</a>
              </p>
            </>
          )}
        </dd>
      </div>
    </dl>
  )
}

/** The first quote that the diagnosis rests on, and the first thing that is uncertain. */
function Grounds({ document: { evidence, diagnosis } }: { readonly document: ReportDocument }) {
  const first = evidence.find(({ grounded }) => grounded) ?? evidence[0]
  const doubt = diagnosis.uncertainties[0]
  return (
    <>
      {first === undefined ? null : (
        <>
          <p class="place">
            <a href="#evidence">Evidence{evidence.length === 1 ? '' : ` (first of ${evidence.length})`}</a>
            <Place source={first.source} line={first.line} />
            {first.grounded ? null : <Badge tone="bad">✕ not found</Badge>}
          </p>
          <p class="log quote">{first.quote}</p>
        </>
      )}
      {doubt === undefined ? null : (
        <p>
          <a href="#uncertain">Uncertain</a>: {doubt}
        </p>
      )}
    </>
  )
}

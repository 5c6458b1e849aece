import { isNoChange } from '../agent/plan-check.ts'
import { summaryAfterCause } from './figures.ts'
import { clipped } from './located-lines.ts'
import { beforeAndAfter, course, environment, uncertain } from './markdown-facts.ts'
import { bullets, codeBlock, escapeText, exactCode, inlineCode, numbered, section, table } from './markdown-text.ts'
import type { ReportDocument } from './report-schema.ts'

/**
 * The report as Markdown, for GitHub and for people who read it as text.
 *
 * Text from a model or a log is not trusted. It is escaped, so it cannot add headings, links, mentions or other markup.
 */
export function renderMarkdown(document: ReportDocument): string {
  const parts = [
    head(document),
    keyFacts(document),
    section('What to do now', numbered(document.next_actions.map(escapeText))),
    section('Commands', steps(document.fix_steps)),
    section('Undo', steps(document.rollback_steps)),
    riskAndCost(document),
    timeline(document),
    evidence(document),
    alternatives(document),
    beforeAndAfter(document),
    environment(document),
    uncertain(document),
    section('Not looked at', bullets(document.not_looked_at.map(escapeText))),
    course(document),
  ]
  return `${parts.flat().join('\n\n')}\n`
}

/** Title with the state, impact, notice, error, and statements that nothing confirms. */
function head({ scenario, headline, notice, run, violations }: ReportDocument): readonly string[] {
  const error =
    run.error === undefined
      ? []
      : [`**${run.stop_reason === 'cancelled' ? 'Cancelled' : 'Failed'}:** ${escapeText(run.error.message)}`]
  const count = violations.length
  const broken =
    count === 0
      ? []
      : [
          [
            `> **${count === 1 ? '1 statement of the model could' : `${count} statements of the model could`} not be confirmed:**`,
            '>',
            ...violations.map((violation) => `> - ${escapeText(violation)}`),
          ].join('\n'),
        ]
  return [
    `# Incident ${inlineCode(scenario)}: ${headline.state}`,
    `**${escapeText(headline.text)}**`,
    ...(notice === null ? [] : [`> ${escapeText(notice)}`]),
    ...error,
    ...broken,
  ]
}

/** The answers to the first questions: when, why, how sure, and which fix. */
function keyFacts(document: ReportDocument): readonly string[] {
  const { onset, trigger, diagnosis, run, fix_plan: plan, validation } = document
  const isTrigger = onset.time !== null && onset.time === trigger.time && onset.source === trigger.source
  const isUnread = run.stop_reason === 'cancelled' && run.rounds === 0
  const cause = isUnread
    ? ['**Root cause:** No diagnosis: the run was cancelled before the first reply.']
    : [
        `**Root cause:** ${escapeText(diagnosis.root_cause)}`,
        `**Confidence in the cause:** ${diagnosis.confidence}; class: ${escapeText(diagnosis.category)}`,
      ]
  return [
    bullets([
      `**Began:** ${at(onset.time)}${isTrigger ? 'The trigger is the first sign.' : escapeText(onset.text)}`,
      `**Trigger** (${trigger.kind}): ${escapeText(trigger.text)}`,
      ...cause,
      `**Fix:** ${plan === null ? 'none was proposed.' : escapeText(plan.summary)}`,
      ...verdict(document).map((text) => `**Verdict:** ${text}`),
      ...(validation.limits ?? []).map((limit) => `**Limit of the verdict:** ${escapeText(limit)}`),
    ]),
  ]
}

/** The verdict in words. The headline and "Before and after" have that of a simulation. */
function verdict({ validation, fix_plan: plan, fix_result: result }: ReportDocument): readonly string[] {
  if (validation.deltas.length > 0 && plan !== null && !isNoChange(plan)) return []
  const reasons = (result?.not_predicted ?? []).filter((reason) => !validation.summary.includes(reason))
  return [`**${validation.status}**. ${escapeText([validation.summary, ...reasons].join(' '))}`]
}

/** A time, as a prefix. */
function at(time: string | null): string {
  return time === null ? '' : `${clock(time)}. `
}

/** `2026-02-17 14:08:20 UTC` */
function clock(time: string): string {
  return `${escapeText(time.slice(0, 19).replace('T', ' '))} UTC`
}

/** Each step: its title, its commands and its note. */
function steps(list: ReportDocument['fix_steps']): string {
  return list
    .flatMap(({ title, commands, note }, index) => [
      `**${index + 1}.** ${escapeText(title)}`,
      ...(commands.length === 0 ? [] : [codeBlock(commands)]),
      ...(note === null ? [] : [escapeText(note)]),
    ])
    .join('\n\n')
}

function riskAndCost({ costs, fix_plan: plan, tradeoffs }: ReportDocument): readonly string[] {
  const worse = tradeoffs.map(({ text, reason }) => `Worse: ${text}${reason === null ? '' : `. ${reason}`}`)
  return section(
    'Risk and cost',
    bullets([...costs, ...(plan?.risks ?? []), ...worse].map(escapeText)),
    plan?.rationale === undefined ? '' : escapeText(plan.rationale),
  )
}

/** Most rows of the timeline. All are in report.json. */
const maxRows = 14

/** Roles of events, in the order in which they are left out of a long timeline. */
const minor: readonly ReportDocument['timeline'][number]['kind'][] = [
  'request_error',
  'engine',
  'unclassified',
  'cascade',
]

function timeline({ timeline: events }: ReportDocument): readonly string[] {
  if (events.length === 0) return []
  const shown = mostImportant(events)
  const day = events[0]?.time.slice(0, 'YYYY-MM-DD'.length) ?? ''
  const rows = shown.map(({ time, until, kind, source, line, message, count }) => [
    span(time, until, day),
    kind.replace('_', ' '),
    `${source === 'metrics' ? escapeText(message) : exactCode(clipped(message, maxLine))}${count === 1 ? '' : ` (${count} times)`}`,
    `${escapeText(source)}${line === null ? '' : ` line ${line}`}`,
  ])
  const left = events.length - shown.length
  return section(
    'Timeline',
    `Times of ${escapeText(day)} in UTC.`,
    table(['time', 'role', 'event', 'source'], rows),
    left === 0 ? '' : `${left} more ${left === 1 ? 'event is' : 'events are'} in report.json, under "timeline".`,
  )
}

/** The events that fit, without those of minor roles if there are too many. */
function mostImportant(events: ReportDocument['timeline']): ReportDocument['timeline'] {
  let shown = events
  for (const role of minor) if (shown.length > maxRows) shown = shown.filter(({ kind }) => kind !== role)
  return shown.slice(0, maxRows)
}

/** Most characters of a log line in the timeline. */
const maxLine = 300

/** `13:01:36 to 13:14:46`, or one time if both are in the same second. Times of another day have their date. */
function span(time: string, until: string | null, day: string): string {
  const [first, last] = [time, until ?? time].map((one) =>
    escapeText(one.slice(one.startsWith(day) ? 11 : 0, 19).replace('T', ' ')),
  )
  return first === last ? `${first}` : `${first} to ${last}`
}

/** The quotes of the diagnosis, each with the place where a reader finds it. */
function evidence(document: ReportDocument): readonly string[] {
  const { diagnosis, fix_plan: plan, evidence: quotes } = document
  const items = quotes.map(({ quote, tool, grounded, reason, source, time, line }) => {
    const place = [source ?? tool, ...(line === null ? [] : [`line ${line}`])].join(' ')
    const when = time === null ? '' : `, ${clock(time)}`
    return `${exactCode(quote)} (${escapeText(place)}${when}${grounded ? '' : `, **not confirmed: ${escapeText((reason ?? '').replace(/\.$/, ''))}**`})`
  })
  const summary = summaryAfterCause(diagnosis, plan?.summary ?? '')
  return section('Evidence', bullets(items), escapeText(summary))
}

/** Plans that were tried, and causes that were considered. */
function alternatives({ attempts, diagnosis }: ReportDocument): readonly string[] {
  const rows = attempts.map(({ round, summary, status, text, is_final: isFinal }) => [
    round === null ? '–' : String(round),
    escapeText(summary === '' ? '(a plan that could not be read)' : summary),
    status.replace('_', ' '),
    isFinal ? 'this is the fix' : escapeText(firstSentences(text)),
  ])
  const ruledOut = diagnosis.ruled_out.map((text) => `Ruled out: ${escapeText(text)}`)
  const isOnly = attempts.length === 1 && attempts[0]?.is_final === true
  return section(
    'Alternatives',
    bullets(ruledOut),
    isOnly ? 'No other plan was tried in the simulation.' : '',
    rows.length === 0 || isOnly ? '' : table(['round', 'plan that was tried', 'result', 'why it is not the fix'], rows),
  )
}

/** The start of a text, about 200 characters long. */
function firstSentences(text: string): string {
  if (text.length <= 200) return text
  const end = text.slice(0, 200).lastIndexOf('. ')
  return end > 40 ? text.slice(0, end + 1) : `${text.slice(0, 200)} …`
}

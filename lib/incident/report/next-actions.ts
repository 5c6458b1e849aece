import { withoutOthers, xidFinding } from '../../../tools/logs/xid-finding.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import type { RestartCost } from '../../../tools/simulation/change-costs.ts'
import type { FixPlan, Telemetry } from '../../../tools/types.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { xidIn } from '../../../tools/xid-catalogue.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { isNoChange, unmetObjectives } from '../agent/plan-check.ts'
import { beforeFix } from './collect-next.ts'
import { isHealthy } from './onset.ts'
import type { ReportFacts } from './report-schema.ts'
import { blank, operand } from './shell-commands.ts'

/** Facts of the report that decide what a person does now. */
type Facts = Pick<
  ReportFacts,
  'scenario' | 'headline' | 'objectives' | 'tradeoffs' | 'timeline' | 'evidence' | 'collect_next'
> & {
  /** The restart that the fix needs; `undefined` without one. */
  readonly restart: RestartCost | undefined
}

/** The next steps of a person, in order. They follow from the state of the run and of its fix. */
export function nextActionsOf(result: AgentResult, before: Telemetry, facts: Facts): string[] {
  return [...fixActions(result, before, facts), ...hardwareActions(result, facts)]
}

function fixActions(result: AgentResult, before: Telemetry, facts: Facts): readonly string[] {
  const { run, fix_plan: plan, validation } = result
  if (run.stop_reason !== 'answered') return unansweredActions(result, facts)
  if (plan === null) return [`No fix was proposed.${collectHint(facts)}`]
  if (isNoChange(plan)) return noChangeActions(before, facts)
  switch (validation.status) {
    case 'improved':
      return applyActions(result, before, facts)
    case 'unchanged':
      return [`Do not apply the plan: in the simulation it does not help.${collectHint(facts)}`]
    case 'regressed':
      return [`Do not apply the plan: in the simulation it makes the incident worse.${collectHint(facts)}`]
    case 'unknown':
      return [
        'The fix is not validated. Try it on one replica first, compare its figures before and after, and roll back if they do not improve.',
        ...(facts.collect_next.length === 0
          ? []
          : ['Collect the listed data and run the analysis again for a validated fix.']),
      ]
  }
}

/** The fix was validated as an improvement. */
function applyActions({ validation }: AgentResult, before: Telemetry, facts: Facts): readonly string[] {
  const limits = facts.objectives.map(
    ({ name, unit, limit }) => `${name} ${unit === 's' ? 'at most' : 'at least'} ${formatFigure(limit, unit)}`,
  )
  const stillMissed = facts.objectives.filter(({ state_after }) => state_after === 'missed').map(({ name }) => name)
  const isPredicted = validation.prediction !== undefined
  const place = isPredicted ? ' to one replica first: its effect is predicted from metrics pages' : ''
  const time = minutes(before.window.duration_s)
  const start =
    facts.restart === undefined ? '' : ' The time without the engine does not count: start when it is ready.'
  return [
    `Check that the incident continues: the data of this report ends at ${before.window.end.slice(0, 16).replace('T', ' ')} UTC.`,
    ...(facts.collect_next.some(({ what }) => what.startsWith(beforeFix))
      ? [`First collect the data that the fix destroys. It is marked "${beforeFix}".`]
      : []),
    ...quietRestart(before, facts),
    `Apply the fix${place}. Its commands and its cost are in this report.`,
    `Then watch for ${time}: ${limits.join(', ')}.${start}`,
    rollbackRule(facts, stillMissed.length > 0),
    ...(stillMissed.length === 0
      ? []
      : [`The fix is not enough in the simulation: ${stillMissed.join(', ')} still missed. Plan a further change.`]),
  ]
}

/** The restart of an engine that works can cost its users more than the failed requests of the incident. */
function quietRestart({ requests }: Telemetry, { restart }: Facts): readonly string[] {
  const failed = requests.failed ?? 0
  if (restart === undefined || restart.isDown || restart.requests <= failed) return []
  return [
    `Decide how to restart. The commands of the fix restart the engine in place, which misses about ${restart.requests} requests. ` +
      'To miss none, start a second engine with the change on free GPUs, move the traffic to it, and then stop the first one (blue-green). ' +
      'Without free GPUs, choose a time with little load if the incident can wait: it continues until then.',
  ]
}

/** When to undo the fix. The expected result must not fire the rule. */
function rollbackRule({ headline, tradeoffs }: Facts, isMissed: boolean): string {
  if (headline.state === 'outage') {
    return 'If the engine does not become ready or a limit is missed, do not undo the fix at once: that returns to the state that failed. Collect the listed data, and run the analysis again.'
  }
  const worse = tradeoffs[0]
  const expected = worse === undefined ? '' : ` Expected, and no reason to roll back: ${worse.text}.`
  const rule = isMissed ? 'a limit is missed that was met before the fix' : 'a limit is missed in that time'
  return `Roll back if ${rule}.${expected}`
}

function minutes(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds / 60))
  return whole === 1 ? '1 minute' : `${whole} minutes`
}

function noChangeActions(before: Telemetry, facts: Facts): readonly string[] {
  const unmet = unmetObjectives(before)
  if (unmet.length > 0) {
    return [
      `No change is proposed, and the incident continues: ${unmet.join(', ')}. Escalate it to the owner of the service.${collectHint(facts)}`,
    ]
  }
  if (!isHealthy(before)) {
    return [`Change nothing yet: whether there is an incident is not known.${collectHint(facts)}`]
  }
  return [
    'Change nothing: every objective is met.',
    'If users still report a problem, look in front of the engine: gateway, network and clients.',
  ]
}

/** The run ended without an accepted answer. */
function unansweredActions({ run, fix_plan: plan, attempts }: AgentResult, { scenario }: Facts): readonly string[] {
  // The id of an incident folder is not its path.
  const target = builtInScenarios.list().includes(scenario) ? operand(scenario) : blank('incident folder')
  const again = `npx tenrounds run ${target}`
  const reasons: Partial<Record<AgentResult['run']['stop_reason'], string>> = {
    cancelled: 'The run was cancelled.',
    failed: `The run failed: ${run.error?.message ?? 'no reason is known'} Check the configuration with npx tenrounds doctor.`,
    deadline: 'The run reached its deadline. Allow more time.',
    paused: 'The run waits for a decision. Decide about its calls, and continue it.',
  }
  const reason =
    reasons[run.stop_reason] ??
    `The run reached a limit (${run.limit ?? run.stop_reason}). Raise it, or use another model.`
  const tried = attempts.findLast(({ status }) => status === 'improved')
  return [
    `${reason} Then run it again: ${again}`,
    ...(plan === null || isNoChange(plan) ? [] : [unconfirmed(plan, tried !== undefined)]),
  ]
}

function unconfirmed({ summary }: FixPlan, isTried: boolean): string {
  const simulated = isTried
    ? 'A plan of this run improved the simulation, but no accepted answer confirms it.'
    : 'Nothing confirms the plan of this run.'
  return `${simulated} Let a person judge it before it is applied: ${summary}`
}

function collectHint({ collect_next: data, scenario: _ }: Facts): string {
  return data.length === 0 ? '' : ' Collect the listed data and run the analysis again.'
}

/** A fault of the hardware is repaired by other people: the ticket says what NVIDIA's catalogue asks for. */
function hardwareActions({ fix_plan: plan }: AgentResult, { timeline, evidence }: Facts): readonly string[] {
  const quotes = evidence.flatMap(({ kind, grounded, quote }) => (kind === 'log_line' && grounded ? [quote] : []))
  const lines = [...quotes, ...timeline.flatMap(({ source, text }) => (source === 'metrics' ? [] : [text]))]
  const details = [
    ...new Set(
      [...quotes, ...timeline.flatMap(({ kind, text }) => (kind === 'cause' ? [text] : []))].flatMap((line) => {
        const finding = xidFinding(line)
        return finding?.kind === 'cause_candidate' ? [decided(finding.detail, line, lines)] : []
      }),
    ),
  ]
  const nodes = (plan?.actions ?? []).flatMap((action) => (action.action === 'drain_node' ? [action.node] : []))
  if (details.length === 0 && nodes.length === 0) return []
  const node = nodes.length === 0 ? 'the node' : nodes.join(', ')
  const asked = details.length === 0 ? '' : ` Xid of the log: ${details.slice(0, 3).join(' ')}`
  const test =
    details.length === 0
      ? 'Keep it out of service until the fault is found and repaired.'
      : 'Keep it out of service until the action that NVIDIA asks for is done and dcgmi diag -r 3 finds no fault. If the fault returns, the hardware must be replaced.'
  return [`Open a ticket for the hardware of ${node}, with the evidence of this report. ${test}${asked}`]
}

/** The condition of an advice on another Xid, answered from the log. */
function decided(detail: string, line: string, lines: readonly string[]): string {
  if (!detail.includes(withoutOthers)) return detail
  const device = deviceOf(line)
  const others = lines
    .filter((other) => deviceOf(other) === device)
    .flatMap((other) => {
      const code = xidIn(other)?.xid.code
      return code === 63 || code === 154 ? [`Xid ${code}`] : []
    })
  const answer =
    others.length === 0
      ? 'The log has no Xid 63 and no Xid 154 of this GPU.'
      : `The same GPU reports ${[...new Set(others)].join(' and ')}, so its reset comes first: a restart is not enough.`
  return detail.replace(withoutOthers, answer)
}

/** The PCI address in a line with an Xid. */
function deviceOf(line: string): string | undefined {
  return /\(PCI:([\da-f:.]+)\)/i.exec(line)?.[1]
}

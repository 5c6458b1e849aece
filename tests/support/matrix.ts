import type { ExpectedFix } from '../../lib/incident/evaluation/oracle.ts'
import { type SimulatedFix, simulateFix } from '../../lib/incident/evaluation/score.ts'
import type { Telemetry, Validation } from '../../tools/types.ts'
import { metricLabel } from '../../tools/validation/figure-labels.ts'

export {
  acceptedStatuses,
  type ExpectedFix,
  type Oracle,
  oracleOf,
  scenariosWithOracle,
} from '../../lib/incident/evaluation/oracle.ts'

/** Runs one fix through the tools, and checks that its validation agrees with itself. */
export async function tryFix(scenario: string, { name, actions }: ExpectedFix): Promise<SimulatedFix> {
  const tried = await simulateFix(scenario, { summary: name, actions })
  if (tried.validation !== undefined && tried.telemetry !== undefined) checkAgreement(tried.validation, tried.telemetry)
  return tried
}

/** @throws {Error} if the summary of a validation and its metrics disagree. */
function checkAgreement({ status, summary, deltas }: Validation, { slo }: Telemetry): void {
  const check = (isRight: boolean, problem: string) => {
    if (!isRight) throw new Error(`${problem}: ${status}. ${summary}`)
  }
  const of = (name: string) => deltas.find(({ metric }) => metric === name)
  for (const { metric, verdict } of deltas) {
    const isNamed = summary.includes(`Largest worsening: ${metricLabel(metric)} `)
    check(!isNamed || verdict === 'worse', `${metric} is named but is not worse`)
  }
  for (const [name, limit] of [
    ['latency.ttft_s.p95', slo.ttft_p95_s],
    ['latency.inter_token_s.p99', slo.inter_token_p99_s],
  ] as const) {
    const { after = null, verdict } = of(name) ?? {}
    check(verdict !== 'worse' || (after ?? 0) > limit, `${name} is worse inside its objective`)
  }
  for (const { metric, verdict, comparable, reason } of deltas) {
    check(comparable !== false || (verdict === 'unknown' && reason !== undefined), `${metric} has a verdict`)
  }
  const served = of('requests.served')
  const [, from, to] = /[Ss]erved (\d+) → (\d+) of/.exec(summary) ?? []
  const isSame = from === undefined || (served?.before === Number(from) && served.after === Number(to))
  check(isSame, 'the served requests differ')
  check(!/[Mm]ore requests were served/.test(summary) || served?.verdict !== 'worse', 'served is worse')
  check(!summary.includes('Fewer requests were served') || served?.verdict !== 'better', 'served is better')
}

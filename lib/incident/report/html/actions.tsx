/* @jsxRuntime automatic @jsxImportSource preact */
import type { ReportDocument } from '../report-schema.ts'
import { Commands, Part, Steps, sentences } from './parts.tsx'

/** The things to do now: next actions, the fix as commands, how to undo it, costs and risks. */
export function doNow(document: ReportDocument) {
  const { next_actions, fix_steps, rollback_steps, costs, fix_plan, fix_result } = document
  const risks = sentences(fix_plan?.risks ?? [])
  const notPredicted = sentences(fix_result?.not_predicted ?? [])
  const isEmpty = [next_actions, fix_steps, rollback_steps, costs].every((items) => items.length === 0)
  if (isEmpty && risks === null && notPredicted === null) return null
  return (
    <>
      {sentences(next_actions, true)}
      <Part title="Commands of the fix">{fix_steps.length === 0 ? null : <Steps steps={fix_steps} />}</Part>
      <Part title="Undo the fix">{rollback_steps.length === 0 ? null : <Steps steps={rollback_steps} />}</Part>
      <div class="columns">
        <Part title="Costs">{sentences(costs)}</Part>
        <Part title="Risks">{risks}</Part>
        <Part title="Not predicted">{notPredicted}</Part>
      </div>
    </>
  )
}

/** Open questions, and the data that would help. */
export function uncertain({ diagnosis, collect_next }: ReportDocument) {
  if (diagnosis.uncertainties.length === 0 && collect_next.length === 0) return null
  return (
    <>
      {sentences(diagnosis.uncertainties)}
      <Part title="Collect next">
        {collect_next.length === 0 ? null : (
          <ul class="steps">
            {collect_next.map(({ what, command }) => (
              <li>
                <p class="step-title">{what}</p>
                <Commands commands={command === null ? [] : [command]} />
              </li>
            ))}
          </ul>
        )}
      </Part>
    </>
  )
}

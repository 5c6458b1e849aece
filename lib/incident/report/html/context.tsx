/* @jsxRuntime automatic @jsxImportSource preact */
import { formatFigure } from '../../../../tools/validation/deltas.ts'
import type { ReportDocument } from '../report-schema.ts'
import { Part, sentences, Table } from './parts.tsx'
import { RoundsChart } from './rounds-chart.tsx'

/** The deployment. What is not known says so. */
export function environment({ environment: facts, pre_telemetry }: ReportDocument) {
  const rows: readonly (readonly [string, string | number | null])[] = [
    ['Model', facts.model],
    ['vLLM', facts.engine_version],
    ['Image', facts.image],
    ['GPU', facts.gpu_model],
    ['GPUs of the engine', facts.gpus],
    ['Node', facts.node],
    ['NVIDIA driver', facts.driver_version],
    ['Configuration', pre_telemetry.config_id],
  ]
  return (
    <>
      <dl class="pairs">
        {rows.map(([name, value]) => (
          <div>
            <dt>{name}</dt>
            <dd>{value ?? 'not known'}</dd>
          </div>
        ))}
      </dl>
      <Part title="Engine arguments">
        {facts.engine_args.length === 0 ? null : <pre class="arguments">{facts.engine_args.join('\n')}</pre>}
      </Part>
    </>
  )
}

/** The agent's run: figures, the timeline of its rounds, and the same as a table. */
export function course({ run, course: facts }: ReportDocument) {
  const calls = facts.tool_calls.reduce((sum, one) => sum + one.calls, 0)
  return (
    <details>
      <summary>
        {counted(facts.rounds.length, 'round')} with {counted(calls, 'tool call')} in {duration(run.duration_ms)}
      </summary>
      <Table
        caption="The agent's run"
        header={['Run', 'Model', 'Stop reason', 'Rounds', 'Tokens in', 'Tokens out', 'Duration']}
        numeric={[3, 4, 5, 6]}
        isStacked
        rows={[
          [
            <code>{run.run_id}</code>,
            run.model,
            run.stop_reason,
            run.rounds,
            run.usage.input_tokens,
            run.usage.output_tokens,
            duration(run.duration_ms),
          ],
        ]}
      />
      {facts.rounds.length === 0 ? null : <RoundsChart rounds={facts.rounds} />}
      {facts.rounds.length === 0 ? null : (
        <Table
          caption="Rounds of the run"
          header={['Round', 'Start', 'Model call', 'Tokens in', 'Tokens out', 'Tool calls', 'Outcome']}
          numeric={[0, 1, 2, 3, 4]}
          isStacked
          rows={facts.rounds.map((round) => [
            round.round,
            duration(round.start_ms),
            duration(round.model_ms),
            round.input_tokens,
            round.output_tokens,
            round.calls.map(({ tool, status, detail }) => (
              <div>
                <code>{tool}</code>
                {status === 'ok' ? null : <strong> failed{detail === null ? '' : `: ${detail}`}</strong>}
              </div>
            )),
            round.outcome,
          ])}
        />
      )}
      {facts.tool_calls.length === 0 ? null : (
        <Table
          caption="Calls by tool"
          header={['Tool', 'Calls', 'Errors', 'Duration']}
          numeric={[1, 2, 3]}
          isStacked
          rows={facts.tool_calls.map(({ tool, calls, errors, duration_ms }) => [
            <code>{tool}</code>,
            calls,
            errors,
            duration(duration_ms),
          ])}
        />
      )}
      <p class="note">
        Model calls that were sent again: {facts.retries}. Repairs of malformed replies: {facts.repairs}. Attempts that
        took over the run: {facts.resumed}.
      </p>
      <Part title="Rejected answers">
        {facts.rejected_answers.length === 0 ? null : (
          <ol class="sentences">
            {facts.rejected_answers.map((problems) => (
              <li>{sentences(problems)}</li>
            ))}
          </ol>
        )}
      </Part>
      <Part title="Limits that were reached">{sentences(facts.limits)}</Part>
      <Part title="Warnings">{sentences(facts.warnings)}</Part>
    </details>
  )
}

/** A number with its noun: `1 round`, `2 rounds`. */
function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Milliseconds in words. */
export function duration(ms: number): string {
  return formatFigure(ms / 1000, 's')
}

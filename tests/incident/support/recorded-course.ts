import type { Responder, ToolCallDraft } from '../../../lib/testing/index.ts'
import type { FixAction } from '../../../tools/types.ts'
import { oracleOf } from '../../support/matrix.ts'

/** Actions of a plan, with its summary. */
interface PlannedFix {
  readonly name: string
  readonly actions: readonly FixAction[]
}

/**
 * A model that follows the course of the strong models that were recorded: it fetches everything and analyses it in one
 * reply, tries a plan in one reply, reconsiders after each wrong plan, and answers with the right one.
 *
 * @param wrongPlans how many wrong plans it tries before the right one. After the first one it reads the logs of the engine
 * again, if there is a second one.
 */
export function recordedCourse(scenario: string, wrongPlans: number): Responder {
  const right = rightFix(scenario)
  const [first, ...others] = wrongFixes(scenario, wrongPlans)
  const replies: readonly (readonly ToolCallDraft[])[] = [
    gathering,
    ...(first === undefined ? [] : [attempt(first)]),
    ...(others.length === 0 ? [] : [[call('fetch_vllm_logs', { window: '5m', level: 'INFO', limit: 50 })]]),
    ...others.map(attempt),
    attempt(right),
  ]
  return ({ messages }) => {
    const calls = replies[messages.filter(({ role }) => role === 'assistant').length]
    const task = messages.filter(({ role }) => role === 'user').map(({ content }) => String(content))
    const id = /"scenario":"([^"]+)"/.exec(task.join())?.[1] ?? ''
    if (calls !== undefined) return { toolCalls: calls.map((draft) => forIncident(draft, id)) }
    const shown = messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content))
    return { content: JSON.stringify(answer(right, shown)) }
  }
}

function rightFix(scenario: string): PlannedFix {
  const right = oracleOf(scenario).fixes.find(({ role }) => role === 'right')
  if (right === undefined) throw new Error(`The oracle of ${scenario} has no right fix.`)
  return right
}

/** Plans that can be applied and do not help. */
function wrongFixes(scenario: string, count: number): readonly PlannedFix[] {
  const wrong = oracleOf(scenario).fixes.filter(
    ({ role, status }) => role !== 'right' && role !== 'half_right' && status !== undefined && status !== 'improved',
  )
  if (wrong.length < count) throw new Error(`The oracle of ${scenario} has only ${wrong.length} wrong fixes.`)
  return wrong.slice(0, count)
}

const fetchTools = [
  'fetch_vllm_logs',
  'fetch_system_logs',
  'fetch_prometheus_metrics',
  'fetch_config',
  'fetch_runtime_state',
  'fetch_gpu_stats',
]

const preTelemetry = { $input: 'pre_telemetry' }

const gathering = [
  ...fetchTools.map((name) => call(name, {})),
  call('analyze_metrics', {
    pre_telemetry: preTelemetry,
    prometheus_samples: { $result: 'fetch_prometheus_metrics#/samples' },
  }),
]

function attempt({ name, actions }: PlannedFix): readonly ToolCallDraft[] {
  const fix_plan = { summary: name, actions: actions.map((action) => ({ ...action })) }
  return [
    call('apply_fix_simulation', { current_config: { $result: 'fetch_config#/config' }, fix_plan }),
    call('collect_post_telemetry', { updated_config: { $result: 'apply_fix_simulation#/updated_config' } }),
    call('validate_improvement', {
      pre_telemetry: preTelemetry,
      post_telemetry: { $result: 'collect_post_telemetry#/post_telemetry' },
    }),
  ]
}

function call(name: string, input: ToolCallDraft['input']): ToolCallDraft {
  return { name, input }
}

/** Every tool that reads the incident gets its id. */
function forIncident({ name, input }: ToolCallDraft, scenario: string): ToolCallDraft {
  const needsId = name.startsWith('fetch_') || name === 'collect_post_telemetry'
  return { name, input: needsId ? Object.assign({ scenario }, input) : input }
}

/** An answer with one quote that the model was shown. */
function answer({ name, actions }: PlannedFix, shown: readonly string[]) {
  const node = shown.flatMap((text) => /"node":"[\w.-]+"/.exec(text) ?? [])[0] ?? ''
  return {
    diagnosis: {
      root_cause: name,
      summary: name,
      category: 'other',
      confidence: 'medium',
      evidence: [{ tool: 'fetch_config', quote: node }],
      ruled_out: [],
      uncertainties: [],
    },
    fix_plan: { summary: name, actions },
  }
}

import { canonicalJson } from '../../../router/json/json.ts'
import { FixPlanError } from '../../../tools/errors.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { deploymentOf, type Incident, unknown } from '../../../tools/scenario-source.ts'
import type { DeploymentConfig, FixPlan } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { drainSteps, environmentSteps, resourceSteps, returnSteps, type Step } from './host-steps.ts'
import type { ReportFacts } from './report-schema.ts'
import { changedArguments, type Deployment, serveCommand } from './shell-commands.ts'

/** The fix of a result as commands, and how to undo it. Both are empty without a change. */
export function fixAndRollback(
  incident: Incident | undefined,
  { fix_plan: plan, fix_result: result }: AgentResult,
): Pick<ReportFacts, 'fix_steps' | 'rollback_steps'> {
  const none = { fix_steps: [], rollback_steps: [] }
  if (incident === undefined || plan === null) return none
  const before = deploymentOf(incident)
  const after = result?.updated_config ?? applied(before, plan)
  if (after === undefined) return none
  const steps = stepsOf(before, after, plan)
  return steps.length === 0 ? none : { fix_steps: steps, rollback_steps: undoSteps(before, after, plan) }
}

/** The configuration after a plan that nobody simulated; `undefined` if it cannot be applied. */
function applied(before: DeploymentConfig, plan: FixPlan): Deployment | undefined {
  try {
    return applyPlan(before, plan).updated_config
  } catch (error) {
    if (error instanceof FixPlanError) return undefined
    throw error
  }
}

function stepsOf(before: Deployment, after: Deployment, plan: FixPlan): Step[] {
  const steps = [
    ...drainSteps(before, after),
    ...resetSteps(before, after, plan),
    ...environmentSteps(before, after),
    ...resourceSteps(before, after),
    ...imageSteps(before, after),
    ...startSteps(before, after, isRestarted(before, after)),
    ...routingSteps(before, after),
  ]
  return steps.length === 0 ? [] : [...steps, checkStep(after)]
}

/** The inverse of every difference, and what has none. */
function undoSteps(before: Deployment, after: Deployment, plan: FixPlan): Step[] {
  const steps = [
    ...environmentSteps(after, before),
    ...resourceSteps(after, before),
    ...imageSteps(after, before),
    ...returnSteps(before, after),
    ...startSteps(after, before, false).map((step) => ({ ...step, note: null })),
    ...routingSteps(after, before),
  ]
  const isStarted = steps.some(({ commands }) => commands.some((command) => command.startsWith('vllm serve')))
  const lost = [
    ...(resetGpus(before, after, plan).length === 0 ? [] : ['the reset of a GPU']),
    ...(isRestarted(before, after) || isStarted
      ? ['the restart: requests in flight and the prefix cache are lost']
      : []),
  ]
  return [
    ...steps,
    ...(lost.length === 0 ? [] : [{ title: `Cannot be undone: ${lost.join('; ')}.`, commands: [], note: null }]),
  ]
}

function isRestarted(before: Deployment, after: Deployment): boolean {
  return (after.history.engine_restarts ?? 0) > (before.history.engine_restarts ?? 0)
}

/** The GPUs that are reset. A plan that nobody simulated says it, too. */
function resetGpus(before: Deployment, after: Deployment, { actions }: FixPlan): readonly number[] {
  if (after.history.gpu_resets?.length === before.history.gpu_resets?.length) return []
  return actions.flatMap((action) => (action.action === 'reset_gpu' ? [action.gpu] : []))
}

function resetSteps(before: Deployment, after: Deployment, plan: FixPlan): Step[] {
  const gpus = resetGpus(before, after, plan)
  if (gpus.length === 0) return []
  const list = gpus.join(',')
  return [
    {
      title: `Stop the engine, and reset GPU ${gpus.join(', ')} of ${before.placement.node}.`,
      commands: [
        `nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv -i ${list}`,
        `nvidia-smi --gpu-reset -i ${list}`,
      ],
      note: 'Run both as root on that node. The reset is refused while a process uses the GPU, so the first command must list none. The driver can ask for all GPUs that NVLink connects: name them all after -i.',
    },
  ]
}

function imageSteps(before: Deployment, after: Deployment): Step[] {
  if (before.image === after.image) return []
  return [
    {
      title: `Use the image ${after.image} instead of ${before.image}.`,
      commands: [],
      note: `Change it in the manifest, or in the command or the compose file of the container. Its vLLM is ${after.vllm_version}; defaults can differ between versions.`,
    },
  ]
}

/** The start of the engine with the arguments of `after`, if anything needs a start. */
function startSteps(before: Deployment, after: Deployment, isRestart: boolean): Step[] {
  if (!isRestart && runningParts(before) === runningParts(after)) return []
  const changed = changedArguments(before, after)
  const words = changed.map(({ name, before: old, after: flag }) => {
    if (flag === undefined) return `without ${old ?? name}`
    return `with ${flag}${old === undefined ? ' (new)' : ` (was: ${old})`}`
  })
  const where = before.placement.node === after.placement.node ? '' : ` on ${after.placement.node}`
  const what = words.length === 0 ? 'with the same arguments' : words.join(', ')
  return [
    {
      title: `${where === '' ? 'Restart' : 'Start'} the engine${where} ${what}.`,
      commands: [serveCommand(after)],
      note: startNote(after),
    },
  ]
}

/** Everything that a running engine cannot change. */
function runningParts({ routing: _, history: __, config_id: ___, ...parts }: Deployment): string {
  return canonicalJson(parts)
}

function startNote(config: Deployment): string {
  const ways = 'In Kubernetes, Compose or systemd, change the manifest, the file or the unit instead, and apply it.'
  const known = Object.keys(config.engine_args).length > 0 && config.model !== unknown
  return known ? ways : `${ways} No file states all arguments, so keep those that you have.`
}

function routingSteps(before: Deployment, after: Deployment): Step[] {
  const [from, to] = [before, after].map(({ routing }) => routing?.policy ?? 'least_loaded')
  if (from === to || to === undefined) return []
  const effect =
    to === 'least_loaded'
      ? 'The gateway must not send the header X-data-parallel-rank: vLLM then chooses the engine with the fewest requests.'
      : 'The gateway sends the header X-data-parallel-rank with the engine that it chose.'
  return [
    {
      title: `Set the policy of the gateway to ${to} (was ${from}).`,
      commands: [],
      note: `${effect} The setting has its own name in each gateway. The engine keeps running.`,
    },
  ]
}

/** Checks that the engine serves, and shows the figures that tell whether the change helps. */
function checkStep({ engine_args: { port }, placement: { node }, routing: _ }: Deployment): Step {
  const url = `http://127.0.0.1:${typeof port === 'number' ? port : 8000}`
  const families = 'num_requests_(running|waiting)|num_preemptions|kv_cache_usage_perc|request_success'
  return {
    title: `Check that the engine serves${node === unknown ? '' : `, on ${node}`}.`,
    commands: [`curl -fsS ${url}/health`, `curl -fsS ${url}/metrics | grep -E '^vllm:(${families})'`],
    note: null,
  }
}

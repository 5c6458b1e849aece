import { FixPlanError } from '../../../tools/errors.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { deploymentOf, type Incident, unknown } from '../../../tools/scenario-source.ts'
import type { DeploymentConfig, FixPlan } from '../../../tools/types.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { imageSteps, startSteps, stopStep } from './engine-steps.ts'
import { drainSteps, environmentSteps, resourceSteps, returnSteps, type Step, usesRay } from './host-steps.ts'
import type { ReportFacts } from './report-schema.ts'
import { engineUrl, kubectl, type Pod, podName, type RunningEngine, runningEngine } from './running-engine.ts'
import { blank, type Deployment, shellWord } from './shell-commands.ts'

/**
 * The fix of a result as commands, and how to undo it. Both are empty without a change.
 *
 * @param isBroken whether the engine failed: then an undo returns to the state that failed.
 */
export function fixAndRollback(
  incident: Incident | undefined,
  { fix_plan: plan, fix_result: result }: AgentResult,
  isBroken = false,
): Pick<ReportFacts, 'fix_steps' | 'rollback_steps'> {
  const none = { fix_steps: [], rollback_steps: [] }
  if (incident === undefined || plan === null) return none
  const before = deploymentOf(incident)
  const after = result?.updated_config ?? applied(before, plan)
  if (after === undefined) return none
  const change: Change = { before, after, plan, running: runningEngine(incident) }
  const steps = stepsOf(change)
  return steps.length === 0 ? none : { fix_steps: steps, rollback_steps: undoSteps(change, isBroken) }
}

/** A change of a deployment. */
interface Change {
  /** The deployment during the incident. */
  readonly before: Deployment
  /** The deployment with the fix. */
  readonly after: Deployment
  /** The plan that changes it. */
  readonly plan: FixPlan
  /** The engine as the logs show it. */
  readonly running: RunningEngine
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

function stepsOf({ before, after, plan, running }: Change): Step[] {
  const environment = environmentSteps(before, after, running)
  const stop = stopsFirst(before, environment, running) ? [stopStep(before, running)] : []
  const isReset = resetGpus(before, after, plan).length > 0
  const steps = [
    ...drainSteps(before, after, running),
    ...stop,
    ...resetSteps(before, after, plan, running),
    ...environment,
    ...resourceSteps(before, after, running),
    ...imageSteps(before, after, running),
    ...startSteps(before, after, running, {
      isRestart: isRestarted(before, after) || isReset,
      isStopped: stop.length > 0 || isReset,
    }),
    ...routingSteps(before, after),
  ]
  return steps.length === 0 ? [] : [...steps, checkStep(after, running)]
}

/** Ray keeps the environment of its workers, so the engine stops before Ray does. A pod is replaced as a whole. */
function stopsFirst(config: Deployment, environment: readonly Step[], { manager }: RunningEngine): boolean {
  return environment.length > 0 && usesRay(config) && manager?.kind !== 'pod'
}

/** The inverse of every difference, and what has none. */
function undoSteps({ before, after, plan, running }: Change, isBroken: boolean): Step[] {
  const moved = before.placement.node !== after.placement.node
  const environment = environmentSteps(after, before, running)
  const isStopped = (moved && running.manager?.kind !== 'pod') || stopsFirst(after, environment, running)
  const start =
    moved && running.manager?.kind === 'pod'
      ? [movePodStep(running.manager, after)]
      : startSteps(after, before, running, { isRestart: false, isStopped })
  const steps = [
    ...returnSteps(before, after),
    ...(isStopped ? [stopStep(after, running)] : []),
    ...environment,
    ...resourceSteps(after, before, running),
    ...imageSteps(after, before, running),
    ...start,
    ...routingSteps(after, before),
  ]
  const isReset = resetGpus(before, after, plan).length > 0
  // Nobody misses the process of a failed engine.
  const isLost = (isRestarted(before, after) || start.length > 0) && !(isBroken && steps.length > 0)
  const lost = [...(isReset ? ['the reset of a GPU'] : []), ...(isLost ? [restartLoss(isBroken)] : [])]
  return [
    ...(isBroken && !moved && steps.length > 0 ? [failingState] : []),
    ...steps,
    ...(lost.length === 0 ? [] : [{ title: `Cannot be undone: ${lost.join('; ')}.`, commands: [], note: null }]),
  ]
}

/** Kubernetes chooses the node of a pod, so a pod need not move back. */
function movePodStep(pod: Pod, { placement: { node } }: Deployment): Step {
  return {
    title: `The pod ${podName(pod)} can stay on ${node}. Delete it only to move it back.`,
    commands: [`${kubectl(pod)} delete pod ${pod.name}`],
    note: 'Kubernetes starts it again on any free node. Restore other changes of its manifest first.',
  }
}

/** A warning before the undo of a fix of a failed engine. */
const failingState: Step = {
  title: 'This undo returns to the state in which the engine failed. Use it only if the change makes things worse.',
  commands: [],
  note: null,
}

/** A failed engine has no requests and no cache that a restart could lose. */
function restartLoss(isBroken: boolean): string {
  return isBroken ? 'the restart' : 'the restart, which loses the requests in flight and the prefix cache'
}

function isRestarted(before: Deployment, after: Deployment): boolean {
  return (after.history.engine_restarts ?? 0) > (before.history.engine_restarts ?? 0)
}

/** The GPUs that are reset. A plan that nobody simulated says it, too. */
function resetGpus(before: Deployment, after: Deployment, { actions }: FixPlan): readonly number[] {
  if (after.history.gpu_resets?.length === before.history.gpu_resets?.length) return []
  return actions.flatMap((action) => (action.action === 'reset_gpu' ? [action.gpu] : []))
}

function resetSteps(before: Deployment, after: Deployment, plan: FixPlan, running: RunningEngine): Step[] {
  const gpus = resetGpus(before, after, plan)
  if (gpus.length === 0) return []
  const list = gpus.join(',')
  return [
    stopStep(before, running),
    {
      title: `Reset GPU ${gpus.join(', ')} of ${before.placement.node}.`,
      commands: [
        `nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv -i ${list}`,
        `nvidia-smi --gpu-reset -i ${list}`,
      ],
      note: 'Run both as root on that node. The reset is refused while a process uses the GPU, so the first command must list none. The driver can ask for all GPUs that NVLink connects: name them all after -i.',
    },
  ]
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

/** Checks that the engine serves, and shows the figures that the objectives limit. */
function checkStep({ engine_args, placement: { node } }: Deployment, running: RunningEngine): Step {
  const { manager } = running
  const url = engineUrl(running)
  const drafts = engine_args['speculative_config'] == null ? '' : '|spec_decode_num_(draft|accepted)_tokens'
  const families =
    'num_requests_(running|waiting)|num_preemptions|kv_cache_usage_perc|request_success|' +
    `(time_to_first_token|inter_token_latency)_seconds_(sum|count)${drafts}`
  const inPod =
    manager?.kind === 'pod'
      ? `From outside of the pod, put this before the first two: ${kubectl(manager)} exec ${manager.name} -c ${manager.container} --. `
      : ''
  return {
    title: `Wait until the engine serves${node === unknown ? '' : ` on ${node}`}, and look at its figures.`,
    commands: [
      `until curl -fsS ${url}/health; do sleep 5; done`,
      `curl -fsS ${url}/metrics | grep -E '^vllm:(${families})'`,
      quantileQuery(0.95, 'time_to_first_token_seconds'),
      quantileQuery(0.99, 'inter_token_latency_seconds'),
    ],
    note: `${inPod}The last two commands ask Prometheus for the percentiles of the last 5 minutes.`,
  }
}

/** Prometheus computes percentiles from the buckets of a histogram. */
function quantileQuery(quantile: number, histogram: string): string {
  const query = `histogram_quantile(${quantile}, sum by (le) (rate(vllm:${histogram}_bucket[5m])))`
  return `promtool query instant ${blank('URL of Prometheus')} ${shellWord(query)}`
}

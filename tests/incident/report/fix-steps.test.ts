import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { fixAndRollback } from '../../../lib/incident/report/fix-steps.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { builtInScenarios, type Incident } from '../../../tools/scenario-source.ts'
import type { FixAction } from '../../../tools/types.ts'
import { inputWith } from './hostile-result.ts'

const { result: base } = inputWith('plain')

/** How the steps of a plan are made. */
interface Options {
  readonly isSimulated?: boolean
  /** Whether the engine failed. */
  readonly isBroken?: boolean
  /** Lines of the journal, instead of all logs of the scenario. */
  readonly logs?: readonly string[]
}

/** The steps of a plan, in short: titles and commands. */
function stepsOf(
  scenario: string,
  actions: readonly FixAction[],
  { isSimulated = true, isBroken, logs }: Options = {},
) {
  const plan = { summary: 'x', actions }
  const applied = isSimulated ? applyPlan(structuredClone(loadScenario(scenario).deployment), plan) : null
  const result = { ...base, fix_plan: plan, fix_result: applied }
  const incident = builtInScenarios.load(scenario)
  const read: Incident =
    logs === undefined ? incident : { ...incident, log: (source) => (source === 'journal' ? logs : undefined) }
  const { fix_steps, rollback_steps } = fixAndRollback(read, result, isBroken)
  const short = (steps: typeof fix_steps) => steps.map(({ title, commands }) => [title, ...commands])
  return { fix: short(fix_steps), rollback: short(rollback_steps), notes: fix_steps.map(({ note }) => note).join(' ') }
}

const serve = 'vllm serve meta-llama/Llama-3.3-70B-Instruct --tensor-parallel-size 4'
const start = `${serve} --gpu-memory-utilization 0.8 --max-model-len 32768 --max-num-batched-tokens 2048`
// The host is an argument of the HTTP server. Only the log of the engine states it.
const seqs = '--max-num-seqs 256 --host 0.0.0.0'
const stop = [
  "pgrep -af '[v]llm serve'",
  "kill '<pid of vllm serve>'",
  "while pgrep -f '[v]llm serve' >/dev/null; do sleep 1; done",
]
const podOwner = "'<kind/name>'"

test('changed arguments are named with their old values, and the rollback restores them', () => {
  const args = { max_num_seqs: 64, kv_cache_dtype: 'fp8', max_model_len: null }
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args }])
  expect(fix[0]).toEqual([
    'Stop the engine and start it without --max-model-len 32768, with --max-num-seqs 64 (was: --max-num-seqs 256), with --kv-cache-dtype fp8 (new).',
    ...stop,
    `${serve} --gpu-memory-utilization 0.8 --max-num-batched-tokens 2048 --max-num-seqs 64 --kv-cache-dtype fp8 --host 0.0.0.0`,
  ])
  expect(fix[1]).toEqual([
    'Wait until the engine serves on gpu-node-07, and look at its figures.',
    'until curl -fsS http://127.0.0.1:8000/health; do sleep 5; done',
    expect.stringMatching(/^curl .*\/metrics \| grep -E .*\(time_to_first_token\|inter_token_latency\)_seconds/),
    expect.stringContaining(
      'histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket[5m])))',
    ),
    expect.stringContaining(
      'histogram_quantile(0.99, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket[5m])))',
    ),
  ])
  expect(rollback).toEqual([
    [expect.stringContaining('without --kv-cache-dtype fp8'), ...stop, `${start} ${seqs}`],
    ['Cannot be undone: the restart, which loses the requests in flight and the prefix cache.'],
  ])
})

test('an environment variable is set or removed, and the rollback restores it', () => {
  const env = { NCCL_DEBUG: "a 'b'", HF_HUB_OFFLINE: null }
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'set_env', env }])
  expect(fix[0]?.slice(1)).toEqual(['unset HF_HUB_OFFLINE', "export NCCL_DEBUG='a '\\''b'\\'''"])
  expect(fix[1]).toEqual(['Stop the engine and start it with the same arguments.', ...stop, `${start} ${seqs}`])
  expect(rollback[0]?.slice(1)).toEqual(['unset NCCL_DEBUG', 'export HF_HUB_OFFLINE=1'])
})

test('a name that a shell cannot set gets no command', () => {
  const { fix, notes } = stepsOf('kv_cache_pressure', [{ action: 'set_env', env: { 'x; id': '1' } }])
  expect(fix[0]).toHaveLength(1)
  expect(notes).toContain('A shell cannot set x; id.')
})

const nccl: FixAction = { action: 'align_nccl_env', env: { NCCL_PROTO: 'LL128', NCCL_ALGO: 'Ring' } }

test('an NCCL variable is set in the pods of each node that needs it, and then the engine restarts', () => {
  const { fix } = stepsOf('nccl_net_socket_truncated', [nccl])
  expect(fix.slice(0, 3)).toEqual([
    [
      'Change the environment of the engine on gpu-node-51: set NCCL_ALGO=Ring (new).',
      'kubectl -n serving get pods -o wide --field-selector spec.nodeName=gpu-node-51',
      "kubectl -n serving set env '<kind/name of that pod>' NCCL_ALGO=Ring",
    ],
    [
      'Change the environment of the engine on gpu-node-52: set NCCL_PROTO=LL128 (new), set NCCL_ALGO=Ring (new).',
      'kubectl -n serving get pods -o wide --field-selector spec.nodeName=gpu-node-52',
      "kubectl -n serving set env '<kind/name of that pod>' NCCL_PROTO=LL128 NCCL_ALGO=Ring",
    ],
    [
      'Restart the pod serving/vllm-0 with the same arguments.',
      `kubectl -n serving rollout restart ${podOwner}`,
      `kubectl -n serving rollout status ${podOwner}`,
    ],
  ])
})

test('without a pod, the engine stops before Ray starts again with the variable', () => {
  const { fix, rollback } = stepsOf('nccl_net_socket_truncated', [nccl], { logs: [] })
  expect(fix.slice(0, 4).map(([, ...commands]) => commands)).toEqual([
    stop,
    ['ray stop', 'export NCCL_ALGO=Ring', 'ray start --head'],
    [
      'ray stop',
      'export NCCL_PROTO=LL128',
      'export NCCL_ALGO=Ring',
      "ray start --address='<address of the head node:6379>'",
    ],
    [expect.stringMatching(/^vllm serve /)],
  ])
  expect(rollback[2]?.slice(1)).toEqual([
    'ray stop',
    'unset NCCL_PROTO',
    'unset NCCL_ALGO',
    "ray start --address='<address of the head node:6379>'",
  ])
})

test('a spare node is checked before another one is emptied, and the rollback waits for the repair', () => {
  const drain: FixAction = { action: 'drain_node', node: 'gpu-node-31' }
  const { fix, rollback, notes } = stepsOf('nvidia_xid', [drain], { isBroken: true })
  expect(fix.slice(0, 4)).toEqual([
    [
      'Check gpu-node-32, the first spare node of the configuration. No tool has looked at it.',
      'kubectl get node gpu-node-32',
      'kubectl describe node gpu-node-32',
    ],
    [
      expect.stringMatching(/^Empty gpu-node-31\. Caution: /),
      'kubectl cordon gpu-node-31',
      'kubectl drain --ignore-daemonsets --delete-emptydir-data gpu-node-31',
    ],
    [
      'Check that the pod serving/vllm-0 starts on gpu-node-32, with the same arguments.',
      'kubectl -n serving get pod vllm-0 -o wide',
      `kubectl -n serving rollout status ${podOwner}`,
    ],
    [
      'Without Kubernetes: start the engine on gpu-node-32 with the same arguments.',
      expect.stringMatching(/^vllm serve/),
    ],
  ])
  expect(notes).toContain('4 free GPUs of the kind NVIDIA H100 80GB HBM3')
  expect(rollback).toEqual([
    [expect.stringMatching(/^Only after gpu-node-31 is repaired and tested/), 'kubectl uncordon gpu-node-31'],
    [expect.stringMatching(/^The pod serving\/vllm-0 can stay on gpu-node-32/), 'kubectl -n serving delete pod vllm-0'],
  ])
  const plain = stepsOf('nvidia_xid', [drain], { logs: [], isBroken: true })
  expect(plain.rollback.map(([title]) => title)).toEqual([
    expect.stringMatching(/^Only after gpu-node-31/),
    'Stop the engine on gpu-node-32.',
    'Start the engine on gpu-node-31 with the same arguments.',
  ])
})

test('the undo of a fix for a failed engine says that it returns to the failure', () => {
  const args = { max_model_len: 16384 }
  const { rollback } = stepsOf('kv_cache_crash_loop', [{ action: 'set_engine_args', args }], { isBroken: true })
  expect(rollback[0]?.[0]).toMatch(/^This undo returns to the state in which the engine failed/)
  expect(JSON.stringify(rollback)).not.toContain('Cannot be undone')
})

test('a pod that the logs show gets the commands of Kubernetes', () => {
  const { fix } = stepsOf('kv_cache_crash_loop', [
    { action: 'set_engine_args', args: { max_model_len: 16384 } },
    { action: 'change_image', image: 'vllm/vllm-openai:v0.16.0' },
    { action: 'set_resources', resources: { host_memory_gb: 128 } },
  ])
  expect(fix.slice(0, 4)).toEqual([
    [expect.stringContaining('128 GiB'), `kubectl -n serving set resources ${podOwner} -c vllm --limits=memory=128Gi`],
    [expect.stringContaining('v0.16.0'), `kubectl -n serving set image ${podOwner} vllm=vllm/vllm-openai:v0.16.0`],
    [
      'The command of the container vllm, for its manifest: with --max-model-len 16384 (new).',
      expect.stringMatching(/^vllm serve .* --host 0\.0\.0\.0$/),
    ],
    [expect.any(String), `kubectl -n serving edit ${podOwner}`, `kubectl -n serving rollout status ${podOwner}`],
  ])
})

test('a variable of a KV transfer concerns the other engine, too', () => {
  const { notes } = stepsOf('kv_transfer_timeout', [{ action: 'set_env', env: { UCX_TLS: null } }])
  expect(notes).toContain('Change the other engine of the KV transfer in the same way.')
})

test('a unit of systemd that the logs show is edited and restarted', () => {
  const logs = ['Mar 01 10:00:00 host systemd[1]: Started vllm-chat.service - the model.']
  const { fix } = stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args: { max_num_seqs: 64 } }], { logs })
  expect(fix[0]?.slice(1)).toEqual(['systemctl edit --full vllm-chat.service', 'systemctl restart vllm-chat.service'])
})

test('names of pods and units in hostile lines are not followed', () => {
  const logs = ['pod="a;id/vllm $(id)" containerName="vllm`id`"', '[pod/$(id)/vllm] x', '$(id)vllm.service']
  const { fix } = stepsOf('kv_cache_pressure', [{ action: 'restart_engine' }], { logs })
  expect(JSON.stringify(fix)).not.toMatch(/\$\(id|;id|`/)
})

test('a GPU is reset only when no process uses it, which cannot be undone', () => {
  const { fix, rollback, notes } = stepsOf('nvidia_xid', [{ action: 'reset_gpu', gpu: 2 }])
  expect(fix[0]).toEqual([
    'Stop the engine on gpu-node-31: the pod serving/vllm-0.',
    `kubectl -n serving scale --replicas=0 ${podOwner}`,
  ])
  expect(fix[1]).toEqual([
    'Reset GPU 2 of gpu-node-31.',
    'nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv -i 2',
    'nvidia-smi --gpu-reset -i 2',
  ])
  expect(notes).toContain('the first command must list none')
  expect(rollback.at(-1)?.[0]).toContain('Cannot be undone: the reset of a GPU')
})

test('an image, resources and a restart have their steps', () => {
  const { fix, rollback } = stepsOf('kv_cache_pressure', [
    { action: 'change_image', image: 'vllm/vllm-openai:v0.16.0' },
    { action: 'set_resources', resources: { host_memory_gb: 600, shm_gb: 64 } },
    { action: 'restart_engine' },
  ])
  expect(fix.map(([title]) => title)).toEqual([
    'Set the limit of the host memory to 600 GiB (was 512 GiB).',
    'Set the limit of the shared memory to 64 GiB (was 32 GiB).',
    'Use the image vllm/vllm-openai:v0.16.0 instead of vllm/vllm-openai:v0.15.0.',
    'Stop the engine and start it with the same arguments.',
    'Wait until the engine serves on gpu-node-07, and look at its figures.',
  ])
  expect(rollback.map(([title]) => title)).toContain(
    'Use the image vllm/vllm-openai:v0.15.0 instead of vllm/vllm-openai:v0.16.0.',
  )
})

test('a restart alone starts the engine with the same command, and has nothing to restore', () => {
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'restart_engine' }])
  expect(fix[0]).toEqual(['Stop the engine and start it with the same arguments.', ...stop, `${start} ${seqs}`])
  expect(rollback).toEqual([
    ['Cannot be undone: the restart, which loses the requests in flight and the prefix cache.'],
  ])
})

test('a policy of the gateway restarts nothing', () => {
  const { fix, rollback } = stepsOf('data_parallel_imbalance', [{ action: 'set_routing', policy: 'least_loaded' }])
  expect(fix[0]).toEqual(['Set the policy of the gateway to least_loaded (was session_affinity).'])
  expect(rollback).toEqual([['Set the policy of the gateway to session_affinity (was least_loaded).']])
})

test('a plan that nobody simulated has its commands, and one that cannot be applied has none', () => {
  const args = { max_num_seqs: 64 }
  expect(stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args }], { isSimulated: false }).fix).toHaveLength(
    2,
  )
  const unknown = { max_seqs: 64 }
  expect(
    stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args: unknown }], { isSimulated: false }).fix,
  ).toEqual([])
})

test('no change has no steps', () => {
  const { fix, rollback } = stepsOf('healthy_control', [{ action: 'no_change', reason: 'x' }])
  expect([fix, rollback]).toEqual([[], []])
})

test('a pod that never became ready must be deleted, and another image needs another container', () => {
  const image = 'vllm/vllm-openai:v0.14.1'
  const { notes } = stepsOf('engine_startup_hang', [{ action: 'change_image', image }], { isBroken: true })
  expect(notes).toContain(
    'does not replace a pod that never became ready: delete it with kubectl -n serving delete pod',
  )
  expect(notes).toContain(`in a container of ${image}: vllm serve`)
})

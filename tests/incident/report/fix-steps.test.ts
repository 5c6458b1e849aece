import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { fixAndRollback } from '../../../lib/incident/report/fix-steps.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import type { FixAction } from '../../../tools/types.ts'
import { inputWith } from './hostile-result.ts'

const { result: base } = inputWith('plain')

/** The steps of a plan, in short: titles and commands. */
function stepsOf(scenario: string, actions: readonly FixAction[], isSimulated = true) {
  const plan = { summary: 'x', actions }
  const applied = isSimulated ? applyPlan(structuredClone(loadScenario(scenario).deployment), plan) : null
  const result = { ...base, fix_plan: plan, fix_result: applied }
  const { fix_steps, rollback_steps } = fixAndRollback(builtInScenarios.load(scenario), result)
  const short = (steps: typeof fix_steps) => steps.map(({ title, commands }) => [title, ...commands])
  return { fix: short(fix_steps), rollback: short(rollback_steps), notes: fix_steps.map(({ note }) => note).join(' ') }
}

const serve = 'vllm serve meta-llama/Llama-3.3-70B-Instruct --tensor-parallel-size 4'
const start = `${serve} --gpu-memory-utilization 0.8 --max-model-len 32768 --max-num-batched-tokens 2048`

test('changed arguments are named with their old values, and the rollback restores them', () => {
  const args = { max_num_seqs: 64, kv_cache_dtype: 'fp8', max_model_len: null }
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args }])
  expect(fix[0]).toEqual([
    'Restart the engine without --max-model-len 32768, with --max-num-seqs 64 (was: --max-num-seqs 256), with --kv-cache-dtype fp8 (new).',
    `${serve} --gpu-memory-utilization 0.8 --max-num-batched-tokens 2048 --max-num-seqs 64 --kv-cache-dtype fp8`,
  ])
  expect(fix[1]).toEqual([
    'Check that the engine serves, on gpu-node-07.',
    'curl -fsS http://127.0.0.1:8000/health',
    expect.stringContaining('curl -fsS http://127.0.0.1:8000/metrics'),
  ])
  expect(rollback).toEqual([
    [expect.stringContaining('without --kv-cache-dtype fp8'), `${start} --max-num-seqs 256`],
    ['Cannot be undone: the restart: requests in flight and the prefix cache are lost.'],
  ])
})

test('an environment variable is set or removed, and the rollback restores it', () => {
  const env = { NCCL_DEBUG: "a 'b'", HF_HUB_OFFLINE: null }
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'set_env', env }])
  expect(fix[0]?.slice(1)).toEqual(['unset HF_HUB_OFFLINE', "export NCCL_DEBUG='a '\\''b'\\'''"])
  expect(fix[1]).toEqual(['Restart the engine with the same arguments.', `${start} --max-num-seqs 256`])
  expect(rollback[0]?.slice(1)).toEqual(['unset NCCL_DEBUG', 'export HF_HUB_OFFLINE=1'])
})

test('a name that a shell cannot set gets no command', () => {
  const { fix, notes } = stepsOf('kv_cache_pressure', [{ action: 'set_env', env: { 'x; id': '1' } }])
  expect(fix[0]).toHaveLength(1)
  expect(notes).toContain('A shell cannot set x; id.')
})

test('an NCCL variable is set on each node that needs it', () => {
  const { fix, notes } = stepsOf('nccl_net_socket_truncated', [
    { action: 'align_nccl_env', env: { NCCL_PROTO: 'LL128', NCCL_ALGO: 'Ring' } },
  ])
  expect(fix.slice(0, 2)).toEqual([
    [expect.stringMatching(/NCCL_ALGO.* On gpu-node-51\.$/), 'export NCCL_ALGO=Ring'],
    [expect.stringMatching(/ On gpu-node-52\.$/), 'export NCCL_PROTO=LL128', 'export NCCL_ALGO=Ring'],
  ])
  expect(notes).toContain('With Ray')
})

test('a node is emptied, the engine starts on another one, and the rollback returns it', () => {
  const { fix, rollback, notes } = stepsOf('nvidia_xid', [{ action: 'drain_node', node: 'gpu-node-31' }])
  expect(fix.slice(0, 2)).toEqual([
    [
      'Take gpu-node-31 out of service; the deployment moves to gpu-node-32.',
      'kubectl cordon gpu-node-31',
      'kubectl drain --ignore-daemonsets --delete-emptydir-data gpu-node-31',
    ],
    ['Start the engine on gpu-node-32 with the same arguments.', expect.stringContaining('vllm serve')],
  ])
  expect(rollback[0]).toEqual(['Return gpu-node-31 to service.', 'kubectl uncordon gpu-node-31'])
  expect(notes).toContain('Without Kubernetes')
})

test('a GPU is reset only when no process uses it, which cannot be undone', () => {
  const { fix, rollback, notes } = stepsOf('nvidia_xid', [{ action: 'reset_gpu', gpu: 2 }])
  expect(fix[0]).toEqual([
    'Stop the engine, and reset GPU 2 of gpu-node-31.',
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
    'Restart the engine with the same arguments.',
    'Check that the engine serves, on gpu-node-07.',
  ])
  expect(rollback.map(([title]) => title)).toContain(
    'Use the image vllm/vllm-openai:v0.15.0 instead of vllm/vllm-openai:v0.16.0.',
  )
})

test('a restart alone starts the engine with the same command, and has nothing to restore', () => {
  const { fix, rollback } = stepsOf('kv_cache_pressure', [{ action: 'restart_engine' }])
  expect(fix[0]).toEqual(['Restart the engine with the same arguments.', `${start} --max-num-seqs 256`])
  expect(rollback).toEqual([['Cannot be undone: the restart: requests in flight and the prefix cache are lost.']])
})

test('a policy of the gateway restarts nothing', () => {
  const { fix, rollback } = stepsOf('data_parallel_imbalance', [{ action: 'set_routing', policy: 'least_loaded' }])
  expect(fix[0]).toEqual(['Set the policy of the gateway to least_loaded (was session_affinity).'])
  expect(rollback).toEqual([['Set the policy of the gateway to session_affinity (was least_loaded).']])
})

test('a plan that nobody simulated has its commands, and one that cannot be applied has none', () => {
  const args = { max_num_seqs: 64 }
  expect(stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args }], false).fix).toHaveLength(2)
  const unknown = { max_seqs: 64 }
  expect(stepsOf('kv_cache_pressure', [{ action: 'set_engine_args', args: unknown }], false).fix).toEqual([])
})

test('no change has no steps', () => {
  const { fix, rollback } = stepsOf('healthy_control', [{ action: 'no_change', reason: 'x' }])
  expect([fix, rollback]).toEqual([[], []])
})

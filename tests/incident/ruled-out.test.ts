import { expect, test } from 'vitest'
import { answerProblems } from '../../lib/incident/agent/answer-check.ts'
import { collectTelemetry } from '../../lib/incident/index.ts'
import { runTool } from '../../router/run-tool.ts'
import type { ToolResult } from '../../router/tool-call.ts'
import { incidentTools } from '../../tools/index.ts'
import { diagnosis, plan, scenario } from './support/answer.ts'

// A cause is ruled out by results, so what a sentence quotes must be in one, and the tools that it names must have one.

function toolNamed(wanted: string) {
  const tool = incidentTools.find(({ name }) => name === wanted)
  if (tool === undefined) throw new Error(`The tool ${wanted} is missing.`)
  return tool
}

async function problemsOf(sentence: string, called = true) {
  const tool = toolNamed('fetch_config')
  const results = called ? [await runTool(tool, { scenario })] : []
  const answer = { diagnosis: { ...diagnosis, evidence: [], ruled_out: [sentence] }, fix_plan: plan }
  const problems = answerProblems(answer, results, await collectTelemetry(scenario))
  return problems.filter((problem) => problem.startsWith('diagnosis.ruled_out'))
}

test('a quote that no result has, and a tool that was not called, are sent back', async () => {
  expect(await problemsOf('fetch_gpu_stats shows "no GPU errors at all", so the GPUs work.')).toEqual([
    'diagnosis.ruled_out[0]: no result contains "no GPU errors at all". Copy it from a result without changes.',
    'diagnosis.ruled_out[0]: fetch_gpu_stats has no result. Call it, or leave this out.',
  ])
})

test('a sentence with words of a result and a tool that was called is accepted', async () => {
  expect(await problemsOf('fetch_config shows "gpu_memory_utilization", so memory is limited on purpose.')).toEqual([])
})

test('nothing can be ruled out before a tool has returned anything', async () => {
  expect(await problemsOf('Not the GPUs.', false)).toEqual([
    'diagnosis.ruled_out[0]: no tool has returned anything yet that rules it out.',
  ])
})

/** Problems of an answer with only the results of some tools. */
async function unseen(changes: object, tools: readonly string[] = ['fetch_config']) {
  const results = await Promise.all(
    tools.map(async (name) => ({ ...(await runTool(toolNamed(name), { scenario })), id: name })),
  )
  const answer = { diagnosis: { ...diagnosis, evidence: [], ...changes }, fix_plan: plan }
  const problems = answerProblems(answer, results, await collectTelemetry(scenario))
  return problems.filter((problem) => problem.includes('no tool has looked at'))
}

test.each([
  ['GPU hardware errors: none.', 'GPU errors'],
  ['No Xid and no ECC error occurred.', 'GPU errors'],
  ['NVLink is fine.', 'GPU errors'],
  ['Thermal throttling: temperatures are normal.', 'temperature and power'],
  ['The OOM killer did not act.', 'host memory'],
  ['Out of memory: no.', 'memory failures'],
  ['The network and NCCL work.', 'the network'],
  ['InfiniBand retries.', 'the network'],
  ['A full disk.', 'disks and file systems'],
  ['The NFS server.', 'disks and file systems'],
  ['A soft lockup.', 'the host and its kernel'],
  ['A client that retries: the logs show none.', undefined],
  ['Prefix cache misses: it is on.', undefined],
  ['A meteorite.', undefined],
  ['KV cache pressure: there is room.', undefined],
  ['GPU errors cannot be ruled out, because no kernel log was read.', undefined],
])('with the configuration alone: %s', async (sentence, subject) => {
  const problems = await unseen({ ruled_out: [sentence] })
  if (subject === undefined) expect(problems).toEqual([])
  else expect(problems.join()).toContain(`no tool has looked at ${subject}. Call fetch_`)
})

test('each subject of a sentence counts, and the tools that show it', async () => {
  const ruled_out = ['Neither ECC errors nor the network nor a full disk.']
  expect(await unseen({ ruled_out })).toHaveLength(3)
  expect(await unseen({ ruled_out }, ['fetch_gpu_stats'])).toHaveLength(2)
  expect(await unseen({ ruled_out }, ['fetch_system_logs'])).toEqual([])
})

test.each([
  ['root_cause', 'The cache is full, and the network is not the cause.'],
  ['summary', 'Requests wait. There is no sign of GPU errors.'],
  ['summary', 'We can rule out a failing disk.'],
])('a sentence of %s rules something out, too: %s', async (member, sentence) => {
  expect(await unseen({ [member]: sentence })).toEqual([expect.stringMatching(`^diagnosis.${member}: `)])
})

test('logs that were not collected show nothing', async () => {
  const result = await runTool(toolNamed('fetch_system_logs'), { scenario })
  const value = { ...(result.status === 'ok' ? result.value : {}), not_collected: ['dmesg', 'journal'] }
  const answer = { diagnosis: { ...diagnosis, evidence: [], ruled_out: ['Xid errors.'] }, fix_plan: plan }
  const problems = answerProblems(
    answer,
    [{ ...result, status: 'ok', value } as ToolResult],
    await collectTelemetry(scenario),
  )
  expect(problems.join()).toContain('no tool has looked at GPU errors')
})

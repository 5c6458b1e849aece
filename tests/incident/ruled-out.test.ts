import { expect, test } from 'vitest'
import { answerProblems } from '../../lib/incident/agent/answer-check.ts'
import { collectTelemetry } from '../../lib/incident/index.ts'
import { runTool } from '../../router/run-tool.ts'
import { incidentTools } from '../../tools/index.ts'
import { diagnosis, plan, scenario } from './support/answer.ts'

// A cause is ruled out by results, so what a sentence quotes must be in one, and the tools that it names must have one.

async function problemsOf(sentence: string, called = true) {
  const tool = incidentTools.find(({ name }) => name === 'fetch_config')
  if (tool === undefined) throw new Error('The tool fetch_config is missing.')
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

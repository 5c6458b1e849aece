import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import type { RunOptions } from '../../lib/loop/run.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { emptyTool } from '../support/factories.ts'
import { calls, says, scriptedModel } from '../support/scripted-model.ts'

const ran: string[] = []
const pay = emptyTool({ name: 'pay', execute: (_, { callId }) => ran.push(callId) })
const look = emptyTool({
  name: 'look',
  annotations: { readOnlyHint: true },
  execute: (_, { callId }) => ran.push(callId),
})
const script = [calls('look', {}), calls('pay', {}), says('Done.')]

/** The checkpoints of a run that looks, pays and answers. */
async function checkpoints(): Promise<readonly Checkpoint[]> {
  const taken: Checkpoint[] = []
  await runLoop({
    model: scriptedModel(script),
    tools: [look, pay],
    prompt: 'Pay.',
    runId: 'run',
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  ran.length = 0
  return taken
}

/** The same checkpoint as version 4 would have written it. */
function inVersion4({ task: _, history_messages: __, ...rest }: Checkpoint) {
  return { ...rest, version: 4 } as unknown as Checkpoint
}

function resume(resumeFrom: Checkpoint, more: Partial<RunOptions> = {}) {
  const model = scriptedModel(script.slice(resumeFrom.rounds))
  return runLoop({ model, tools: [look, pay], prompt: 'Pay.', ...more, resumeFrom })
}

test('a checkpoint says whether a tool with side effects was started, from before the first such tool runs', async () => {
  const flags = (await checkpoints()).map(({ rounds, pending, has_side_effects }) => [
    rounds,
    pending.map(({ name, begun }) => [name, begun]),
    has_side_effects,
  ])
  expect(flags).toEqual([
    [1, [['look', 1]], false],
    [1, [], false],
    [2, [['pay', 1]], true],
    [2, [], true],
    [3, [], true],
    [3, [], true],
  ])
})

test('a checkpoint of version 4 is continued, and the next one has version 5', async () => {
  for (const at of await checkpoints()) {
    const next: Checkpoint[] = []
    const run = await resume(inVersion4(at), { onCheckpoint: (at) => next.push(structuredClone(at)) })
    expect(run).toMatchObject({ stopReason: 'answered', rounds: 3 })
    for (const { version, task } of next) expect({ version, task }).toEqual({ version: 5, task: at.task })
  }
})

test('a checkpoint of version 4 does not say what its run was asked, so another prompt is not noticed', async () => {
  const at = (await checkpoints())[1] as Checkpoint
  expect(await resume(inVersion4(at), { prompt: 'Another.' })).toMatchObject({ stopReason: 'answered' })
})

test('the error for another prompt names the calls that may have had side effects, and no others', async () => {
  const [looking, looked, paying, paid] = await checkpoints()
  for (const at of [looking, looked]) {
    const refused = resume(at as Checkpoint, { prompt: 'Another.' })
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('side effects') })
  }
  for (const at of [paying, paid]) {
    const refused = resume(at as Checkpoint, { prompt: 'Another.' })
    const message = expect.stringMatching(/The run has made calls that may have had side effects: pay \([^,]+\)\.$/)
    await expect(refused).rejects.toMatchObject({ code: 'checkpoint_of_another_prompt', message })
  }
  expect(ran).toEqual([])
})

test('a checkpoint of an unknown version is refused if its run may have started a tool with side effects', async () => {
  const at = (await checkpoints())[2] as Checkpoint
  const { has_side_effects: _, ...without } = at
  for (const unknown of [at, without as Checkpoint]) {
    const run = resume({ ...unknown, version: 99 as never })
    await expect(run).rejects.toMatchObject({
      name: 'LoopError',
      code: 'checkpoint_version',
      message: expect.stringContaining('resumeFrom has version 99, and this release reads versions 4 and 5.'),
    })
  }
  expect(ran).toEqual([])
})

test('a run of an unknown version without side effects starts again, with a warning in its trace', async () => {
  const at = (await checkpoints())[0] as Checkpoint
  const run = await resume({ ...at, version: 99 as never, elapsed_ms: 5_000 }, { model: scriptedModel(script) })
  expect(run).toMatchObject({ stopReason: 'answered', runId: 'run', rounds: 3 })
  expect(run.durationMs).toBeGreaterThanOrEqual(5_000)
  expect(run.trace[0]).toMatchObject({
    type: 'warning',
    source: 'resumeFrom',
    message: expect.stringContaining(
      'The run starts again, because its checkpoint cannot be used: resumeFrom has version 99',
    ),
  })
})

test.each<[string, (at: Checkpoint) => object]>([
  ['has an unknown version', (at) => ({ ...at, version: 99 })],
  ['is damaged', ({ rounds: _, ...at }) => at],
  ['has a damaged result', (at) => ({ ...at, results: at.results.map((result) => ({ ...result, status: 'error' })) })],
])('with onUnreadableCheckpoint: restart, a run whose checkpoint %s starts again', async (_, damage) => {
  const resumeFrom = damage((await checkpoints())[3] as Checkpoint) as Checkpoint
  const options = { model: scriptedModel(script), tools: [look, pay], prompt: 'Pay.', resumeFrom }
  await expect(runLoop(options)).rejects.toThrow("onUnreadableCheckpoint: 'restart'")
  const taken: Checkpoint[] = []
  const run = await runLoop({
    ...options,
    onUnreadableCheckpoint: 'restart',
    onCheckpoint: (at) => taken.push(structuredClone(at)),
  })
  expect(run).toMatchObject({ stopReason: 'answered', runId: 'run', rounds: 3 })
  expect(run.trace[0]).toMatchObject({ type: 'warning', message: expect.stringContaining('The run starts again') })
  expect(taken[0]).toMatchObject({ has_side_effects: true })
})

import type { EngineState } from './engine-state.ts'

/**
 * Ends the step from `start` to `end`: each request whose tokens are all computed has one more, and those that have their
 * last one leave. The second half of the hot loop: columns are read into locals once.
 *
 * @returns tokens of the requests that left.
 */
export function finishStep(state: EngineState, start: number, end: number): number {
  const { input, recorder, running, lastToken, computed: computedTokens, generated: generatedTokens, chunk } = state
  const { promptTokens, outputTokens } = input.requests
  const { interToken } = recorder.observed
  let [sampled, sameInterval, kept, finishedTokens] = [0, 0, 0, 0]
  for (let position = 0; position < running.length; position++) {
    const request = running[position] ?? 0
    const generated = generatedTokens[request] ?? 0
    const tokens = chunk[request] ?? 0
    const computed = (computedTokens[request] ?? 0) + tokens
    computedTokens[request] = computed
    // A prompt computed again after a preemption is work, but not a prompt token of a request.
    if (generated === 0) recorder.promptTokens(tokens)
    if (tokens === 0 || computed < (promptTokens[request] ?? 0) + generated) {
      running[kept++] = request
      continue
    }
    sampled++
    generatedTokens[request] = generated + 1
    if (generated === 0) beginOutput(state, request, end)
    else if (lastToken[request] === start) sameInterval++
    else interToken.add(end - (lastToken[request] ?? 0))
    lastToken[request] = end
    if (generated + 1 >= (outputTokens[request] ?? 0)) finishedTokens += finish(state, request, end)
    else running[kept++] = request
  }
  running.length = kept
  interToken.add(end - start, sameInterval)
  recorder.generationTokens(sampled)
  return finishedTokens
}

function beginOutput({ input, recorder, blocks, firstToken }: EngineState, request: number, end: number): void {
  const { requests, settings, sharedPrefixTokens } = input
  firstToken[request] = end
  recorder.observed.ttft.add(end - (requests.arrival[request] ?? 0))
  if (settings.enablePrefixCaching) blocks.sharePrefix(request, sharedPrefixTokens)
}

/** @returns all tokens of the request. */
function finish(state: EngineState, request: number, end: number): number {
  const { input, recorder, counts, blocks } = state
  const { requests, maxOutputTokens, settings } = input
  const promptTokens = requests.promptTokens[request] ?? 0
  const outputTokens = state.generated[request] ?? 0
  const cut = outputTokens >= maxOutputTokens || promptTokens + outputTokens >= settings.maxModelLen
  if (cut) counts.cutByLength++
  else counts.stopped++
  recorder.finish({
    arrival: requests.arrival[request] ?? 0,
    scheduled: state.scheduled[request] ?? 0,
    firstToken: state.firstToken[request] ?? 0,
    end,
    promptTokens,
    computedPromptTokens: promptTokens - blocks.sharedBy(request),
    outputTokens,
  })
  blocks.release(request)
  return promptTokens + outputTokens
}

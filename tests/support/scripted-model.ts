import type { Model, ModelReply, ModelRequest } from '../../lib/loop/model.ts'

export type ScriptStep = (request: ModelRequest) => ModelReply | Promise<ModelReply>

/** A model that takes one step of its script for each request and throws when the script is over. */
export function scriptedModel(steps: readonly ScriptStep[]): Model & { readonly requests: readonly ModelRequest[] } {
  const requests: ModelRequest[] = []
  return {
    name: 'scripted',
    provider: 'test',
    requests,
    async complete(request) {
      const step = steps[requests.length]
      // The transcript grows while the run goes on.
      requests.push({ ...request, messages: [...request.messages] })
      if (step === undefined)
        throw new Error(`The script has ${steps.length} steps; this is request ${requests.length}.`)
      return step(request)
    },
  }
}

const usage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 0, reasoningTokens: 0 }

export function says(content: string): ScriptStep {
  return () => ({ message: { role: 'assistant', content }, finishReason: 'stop', usage })
}

export function calls(name: string, input: object, id = `call-${name}`): ScriptStep {
  const call = { id, type: 'function', function: { name, arguments: JSON.stringify(input) } }
  return () => ({ message: { role: 'assistant', content: '', tool_calls: [call] }, finishReason: 'tool_calls', usage })
}

export function fails(error: Error): ScriptStep {
  return () => Promise.reject(error)
}

import type { ScriptedReply } from '../../lib/testing/index.ts'

export { type ScriptStep, scriptedModel } from '../../lib/testing/index.ts'

/** Steps of a script, named for what the model does. */
export function says(content: string): string {
  return content
}

export function calls(name: string, input: object, id = `call-${name}`): ScriptedReply {
  return { toolCalls: [{ name, input, id }] }
}

export function fails(error: Error): Error {
  return error
}

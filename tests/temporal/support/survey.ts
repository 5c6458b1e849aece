import { request } from 'undici'
import type { Model } from '../../../lib/loop/model.ts'
import { loopActivity } from '../../../lib/temporal/index.ts'
import type { Responder } from '../../../lib/testing/index.ts'
import { defineTool } from '../../../router/define-tool.ts'

/** The cities of a survey. Each is measured in its own round; then the first one is booked, which must not happen twice. */
export const cities = ['Oslo', 'Lima', 'Rome', 'Kyiv'] as const

const place = {
  type: 'object',
  properties: { survey: { type: 'string' }, city: { type: 'string' } },
  required: ['survey', 'city'],
  additionalProperties: false,
} as const

/** A run whose tools send requests to a server of the test, which counts them and controls their duration. */
export function surveyActivities(model: Model, controlUrl: string) {
  const ask = async (
    tool: string,
    { survey, city }: { readonly survey: string; readonly city: string },
    signal: AbortSignal,
  ) => {
    const { body } = await request(`${controlUrl}/${tool}?survey=${survey}&city=${city}`, { signal })
    return { said: await body.text() }
  }
  const measure = defineTool({
    name: 'measure',
    description: 'Measures a city.',
    inputSchema: place,
    annotations: { readOnlyHint: true, idempotentHint: true },
    execute: (input, { signal }) => ask('measure', input, signal),
  })
  const book = defineTool({
    name: 'book',
    description: 'Books a city; every call books once more.',
    inputSchema: place,
    annotations: { readOnlyHint: false, idempotentHint: false },
    execute: (input, { signal }) => ask('book', input, signal),
  })
  return {
    survey: loopActivity((survey: string) => ({
      model,
      tools: [measure, book],
      prompt: `Survey ${survey}: measure each city, then book the first one.`,
    })),
  }
}

/** Requests one call a round, depending on the messages only, and answers with all results in order. */
export const surveyResponder: Responder = ({ messages }) => {
  const survey = /Survey (\S+):/.exec(String(messages.find(({ role }) => role === 'user')?.content))?.[1] ?? ''
  const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content))
  const city = cities[results.length]
  if (city !== undefined) return { toolCalls: [{ name: 'measure', input: { survey, city } }] }
  if (results.length === cities.length) return { toolCalls: [{ name: 'book', input: { survey, city: cities[0] } }] }
  return { content: `${survey}: ${results.join(' ')}` }
}

/** The answer of an undisturbed survey. */
export function undisturbed(survey: string): string {
  const said = [...cities.map((city) => `measure ${city}`), `book ${cities[0]}`]
  return `${survey}: ${said.map((text) => JSON.stringify({ said: `${survey} ${text}` })).join(' ')}`
}

/** Model calls of an undisturbed survey: one for each tool call, and one for the answer. */
export const undisturbedRequests = cities.length + 2

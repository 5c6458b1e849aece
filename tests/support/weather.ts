import { defineTool } from '../../router/define-tool.ts'

/** A small tool for tests of router and loop. */
export const getWeather = defineTool({
  name: 'get_weather',
  description: 'Current weather of one city.',
  inputSchema: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } },
    required: ['city'],
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: { city: { type: 'string' }, celsius: { type: 'number' } },
    required: ['city', 'celsius'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, idempotentHint: true },
  execute: ({ city }) => ({ city, celsius: city.length }),
})

export const weatherAnswer = {
  type: 'object',
  properties: { celsius: { type: 'number' } },
  required: ['celsius'],
  additionalProperties: false,
} as const

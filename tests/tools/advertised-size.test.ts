import { expect, test } from 'vitest'
import { advertise } from '../../router/advertised-schema.ts'
import { incidentTools } from '../../tools/index.ts'

test('the ten tools are advertised in at most 9 KB, because each request carries them', () => {
  const json = `[${incidentTools.map((tool) => advertise(tool).json).join(',')}]`
  expect(Buffer.byteLength(json)).toBeLessThanOrEqual(9_216)
})

test('no call must name the incident', () => {
  const required = incidentTools.flatMap(({ inputSchema }) => ('required' in inputSchema ? inputSchema.required : []))
  expect(required).not.toContain('scenario')
})

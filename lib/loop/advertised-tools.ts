import { advertise } from '../../router/advertised-schema.ts'
import type { Tool } from '../../router/tool.ts'

/** Tools do not change, and one may take part in any number of runs. */
const written = new WeakMap<Tool, string>()

/** The wire's `tools`: a JSON array, or undefined where there are none. */
export function advertisedTools(tools: Iterable<Tool>): string | undefined {
  let all = ''
  for (const tool of tools) all += all === '' ? writtenForm(tool) : `,${writtenForm(tool)}`
  return all === '' ? undefined : `[${all}]`
}

function writtenForm(tool: Tool): string {
  let json = written.get(tool)
  if (json === undefined) {
    json = JSON.stringify(advertise(tool))
    written.set(tool, json)
  }
  return json
}

import type { ModelRequest } from '../loop/model.ts'

export interface RequestFields {
  readonly model: string
  readonly maxOutputTokens: number | undefined
}

/**
 * The body of one request, joined from parts that are already JSON: nothing is serialised twice.
 *
 * Only documented fields. `reasoning_split` keeps thinking out of `content`, where it would have to be told from text.
 */
export function requestBody(request: ModelRequest, fields: RequestFields): string {
  const parts = [`"model":${JSON.stringify(fields.model)}`, '"reasoning_split":true']
  if (fields.maxOutputTokens !== undefined) parts.push(`"max_completion_tokens":${fields.maxOutputTokens}`)
  if (request.tools !== undefined) parts.push(`"tools":${request.tools}`)
  parts.push(`"messages":[${request.messages.map(({ json }) => json).join(',')}]`)
  return `{${parts.join(',')}}`
}

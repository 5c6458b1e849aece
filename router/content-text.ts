import { isObject } from './json.ts'

/** The text of a message's content. Some gateways send it as a list of parts, reasoning and tool uses among them. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  return [content].flat().map(textOfPart).join('')
}

function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part
  if (!isObject(part) || typeof part['text'] !== 'string') return ''
  const type = part['type'] ?? 'text'
  return type === 'text' || type === 'output_text' ? part['text'] : ''
}

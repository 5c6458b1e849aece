import { isObject, parseJson } from '../../router/json/json.ts'

/** Kinds of media that `limit_mm_per_prompt` limits. */
const modalities = ['image', 'video', 'audio'] as const

/**
 * Largest number of images in a prompt, from the text of `limit_mm_per_prompt`; undefined if it has no limit of images.
 *
 * vLLM accepts a number, a number as text, and an object with a `count`: `{"image": 2}`, `{"image": {"count": 2}}`.
 */
export function imageLimit(text: string): number | undefined {
  const limits = parseJson(text)
  if (!isObject(limits)) return undefined
  const limit = limits['image']
  const count = isObject(limit) ? limit['count'] : limit
  return typeof count === 'number' || typeof count === 'string' ? Number(count) : undefined
}

/** vLLM's message about the first limit that is not a whole number; undefined if all are. */
export function wrongPromptLimit(limits: { readonly [modality: string]: unknown }): string | undefined {
  for (const modality of modalities) {
    const limit = limits[modality]
    const problem = limit === undefined || isObject(limit) ? undefined : wrongInteger(limit)
    if (problem !== undefined) {
      return `limit_mm_per_prompt.${modality}.int: Input should be a valid integer${problem}`
    }
  }
  return undefined
}

function wrongInteger(value: unknown): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined
    case 'number':
      return Number.isInteger(value) ? undefined : ', got a number with a fractional part'
    case 'string':
      return /^\s*[+-]?\d+\s*$/.test(value) ? undefined : ', unable to parse string as an integer'
    default:
      return ''
  }
}

import { seededRandom } from '../../tools/simulation/requests.ts'

/** Texts that hardly compress, the same in every run. */
export function seededText(seed: number): (length: number) => string {
  const random = seededRandom(seed)
  return (length) => {
    let text = ''
    while (text.length < length) text += random().toString(36).slice(2)
    return text.slice(0, length)
  }
}

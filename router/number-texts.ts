// The texts of numbers in JSON. JavaScript writes `1.10` as 1.1 and `1e3` as 1000, and it rounds large integers. If the
// schema wants a string, the text that the model wrote is needed.

import { parseJson, unparsable } from './json/json.ts'
import { escapePointerToken } from './json/json-pointer.ts'
import { endOfString, jsonNumber } from './json/json-scan.ts'

/** Texts of numbers by JSON Pointer. It has only the numbers that JavaScript writes in another way. */
export type NumberTexts = Readonly<Record<string, string>>

/** A text without this has no number that JavaScript writes in another way. */
const suspect = /\d[eE]|\.\d*0(?!\d)|\d{16}|-0(?!\d)|\.\d{16}/

const number = new RegExp(jsonNumber.source, 'y')

/** A container around the current position. */
interface Around {
  readonly pointer: string
  readonly isArray: boolean
  /** The member name, or the index of the item. */
  key: string | number
}

/**
 * The numbers in a valid JSON text that JavaScript writes in another way; `undefined` if it has no such number, like most texts.
 *
 * @example
 * numberTexts('{"version": 1.10, "count": 3}') // { '/version': '1.10' }
 */
export function numberTexts(json: string): NumberTexts | undefined {
  if (!suspect.test(json)) return undefined
  const found = new Map<string, string>()
  const around: Around[] = []
  let isKey = false
  for (let position = 0; position < json.length; ) {
    const character = json[position] ?? ''
    const inner = around.at(-1)
    if (character === '"') {
      const end = endOfString(json, position)
      if (end === -1) return undefined // cannot happen in valid JSON
      if (inner !== undefined && isKey) inner.key = keyIn(json.slice(position, end))
      isKey = false
      position = end
      continue
    }
    if (character === '-' || (character >= '0' && character <= '9')) {
      number.lastIndex = position
      const text = number.exec(json)?.[0] ?? character
      const pointer = pointerTo(inner)
      if (String(Number(text)) === text) found.delete(pointer)
      else found.set(pointer, text)
      position += text.length
      continue
    }
    if (character === '{' || character === '[') {
      around.push({ pointer: pointerTo(inner), isArray: character === '[', key: 0 })
      isKey = character === '{'
    } else if (character === '}' || character === ']') around.pop()
    else if (character === ',' && inner !== undefined) {
      if (inner.isArray) inner.key = Number(inner.key) + 1
      isKey = !inner.isArray
    }
    position++
  }
  return found.size === 0 ? undefined : Object.fromEntries(found)
}

function keyIn(json: string): string {
  const key = parseJson(json)
  return key === unparsable ? '' : String(key)
}

function pointerTo(inner: Around | undefined): string {
  return inner === undefined ? '' : `${inner.pointer}/${escapePointerToken(String(inner.key))}`
}

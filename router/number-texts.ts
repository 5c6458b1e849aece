// The texts of numbers in JSON. JavaScript writes `1.10` as 1.1 and `1e3` as 1000, and it rounds large integers. If the
// schema wants a string, the text that the model wrote is needed. `Places` keeps the texts while the value is converted.

import { parseJson, unparsable } from './json/json.ts'
import { escapePointerToken, parsePointer } from './json/json-pointer.ts'
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

/** A place in a value, and the places in it by name. */
interface KnownPlace {
  text?: string
  isData?: boolean
  parts?: Map<string, KnownPlace>
}

/**
 * The texts of numbers and the places of data in a value that is being converted. It is a tree, because a broken call may
 * have thousands of numbers at thousands of places that move.
 */
export class Places {
  readonly #root: KnownPlace = {}
  #isEmpty = true

  /** Sets the text of the number at a JSON Pointer. */
  setText(path: string, text: string): void {
    this.#make(path).text = text
  }

  /** Marks the value at a JSON Pointer, with all its parts, as data. */
  markData(path: string): void {
    this.#make(path).isData = true
  }

  /** The text of the number at a JSON Pointer; `undefined` if it is not known. */
  text(path: string): string | undefined {
    return this.#way(path).at(-1)?.text
  }

  /** Whether the value at a JSON Pointer is data, or a part of data. */
  isData(path: string): boolean {
    return this.#way(path).some((place) => place?.isData === true)
  }

  /**
   * Follows a value that replaces the object around it.
   *
   * @param path JSON Pointer to the object.
   * @param name the only member of the object.
   * @param item the name under which the member is part of the new value; `undefined` if it is the new value itself.
   */
  unwrap(path: string, name: string, item: string | undefined): void {
    const around = this.#way(path).at(-1)
    const inner = around?.parts?.get(name)
    if (around === undefined || inner === undefined) return
    around.parts?.delete(name)
    if (item !== undefined) around.parts?.set(item, inner)
    else Object.assign(around, { parts: undefined }, inner)
  }

  /** All texts of numbers by JSON Pointer. */
  texts(): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    const walk = ({ text, parts }: KnownPlace, path: string): void => {
      if (text !== undefined) found.set(path, text)
      for (const [name, part] of parts ?? []) walk(part, `${path}/${escapePointerToken(name)}`)
    }
    walk(this.#root, '')
    return found
  }

  /** The known places from the root to a place; the last one is `undefined` if nothing is known about the place. */
  #way(path: string): readonly (KnownPlace | undefined)[] {
    if (this.#isEmpty) return []
    let place: KnownPlace | undefined = this.#root
    const way: (KnownPlace | undefined)[] = [place]
    for (const token of parsePointer(path) ?? []) {
      place = place?.parts?.get(token)
      way.push(place)
    }
    return way
  }

  #make(path: string): KnownPlace {
    this.#isEmpty = false
    let place = this.#root
    for (const token of parsePointer(path) ?? []) {
      place.parts ??= new Map()
      let part = place.parts.get(token)
      if (part === undefined) {
        part = {}
        place.parts.set(token, part)
      }
      place = part
    }
    return place
  }
}

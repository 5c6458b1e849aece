// Reads the commands of a shell script without running it: words, quotes, comments, variables that the script sets, and
// arrays. A value that only a running shell knows stays open.

/** A simple command. */
export interface ShellCommand {
  /** Program and arguments, without the assignments before them. */
  readonly words: readonly string[]
  /** Environment variables that the script exports, or sets for this command. */
  readonly env: Readonly<Record<string, string>>
}

/** A script. */
interface ShellScript {
  /** Its commands in their order, without regard to conditions and loops. */
  readonly commands: readonly ShellCommand[]
  /** Defaults of `${NAME:-default}` that count, because the script does not set the variable. */
  readonly defaults: ReadonlyMap<string, string>
}

const openStart = '\uE000'
const openEnd = '\uE001'
const open = new RegExp(`${openStart}([^${openEnd}]*)${openEnd}`, 'g')

/** The expressions in a word whose values the script does not state, such as `$MODEL`. */
export function openParts(word: string): readonly string[] {
  return [...word.matchAll(open)].flatMap(([, expression]) => expression ?? [])
}

/** A part of a word whose value is not stated. */
export function openPart(expression: string): string {
  return `${openStart}${expression}${openEnd}`
}

/** Reads a script. @param env environment variables that it starts with. */
export function readShell(text: string, env: Readonly<Record<string, string>> = {}): ShellScript {
  const reader = new ShellReader(text.replace(/\r\n/g, '\n'), env)
  return { commands: reader.commands(), defaults: reader.defaults }
}

const assignment = /^([A-Za-z_]\w*)(\+?)=(.*)$/s

/** A value that doubles in each line must not fill the memory. A longer one stays open. */
const longestValue = 100_000

class ShellReader {
  readonly defaults = new Map<string, string>()
  readonly #text: string
  readonly #variables = new Map<string, readonly string[]>()
  readonly #exported: Set<string>
  readonly #commands: ShellCommand[] = []
  #at = 0
  #words: string[] = []
  #word: string | undefined
  /** End marks of here-documents that begin after the line. */
  #hereDocuments: string[] = []

  constructor(text: string, env: Readonly<Record<string, string>>) {
    this.#text = text
    this.#exported = new Set(Object.keys(env))
    for (const [name, value] of Object.entries(env)) this.#variables.set(name, [value])
  }

  commands(): readonly ShellCommand[] {
    while (this.#at < this.#text.length) this.#step()
    this.#endCommand()
    return this.#commands
  }

  #step(): void {
    const rest = this.#text.slice(this.#at, this.#at + 2)
    const character = rest[0] ?? ''
    if (rest === '\\\n') this.#at += 2
    else if (character === '\\') this.#append(this.#take(2).slice(1))
    else if (character === "'") this.#append(this.#until("'"))
    else if (character === '"') this.#doubleQuoted()
    else if (character === '$' || character === '`') this.#unquoted(this.#expansion())
    else if (character === ' ' || character === '\t') this.#endWord(1)
    else if (character === '#' && this.#word === undefined) this.#at = this.#endOfLine()
    else if (character === '>' || character === '<') this.#redirection()
    else if (character === '(' && assignment.test(this.#word ?? '')) this.#array()
    else if (/[\n;|&()]/.test(character)) {
      this.#endCommand()
      this.#at++
      if (character === '\n') this.#skipHereDocuments()
    } else this.#append(this.#take(1))
  }

  #take(count: number): string {
    const taken = this.#text.slice(this.#at, this.#at + count)
    this.#at += count
    return taken
  }

  /** The text after the opening character up to the closing one. */
  #until(close: string): string {
    const end = this.#text.indexOf(close, this.#at + 1)
    const inner = this.#text.slice(this.#at + 1, end === -1 ? undefined : end)
    this.#at = end === -1 ? this.#text.length : end + 1
    return inner
  }

  #endOfLine(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end === -1 ? this.#text.length : end
  }

  #append(text: string): void {
    this.#word = (this.#word ?? '') + text
  }

  #doubleQuoted(): void {
    this.#at++
    this.#append('')
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at] ?? ''
      if (character === '"') {
        this.#at++
        return
      }
      const next = this.#text[this.#at + 1] ?? ''
      if (character === '\\' && next === '\n') this.#at += 2
      else if (character === '\\' && /["\\$`]/.test(next)) this.#append(this.#take(2).slice(1))
      else if (character === '$' || character === '`') {
        const isList = /^\$(?:@|\{\w+\[@\]\})/.test(this.#text.slice(this.#at, this.#at + 80))
        const values = this.#expansion()
        if (!isList) this.#append(values.join(' '))
        else this.#appendWords(values)
      } else this.#append(this.#take(1))
    }
  }

  /** A value without quotes is split into words. */
  #unquoted(values: readonly string[]): void {
    const text = values.join(' ')
    if (/^\s/.test(text)) this.#endWord(0)
    // The expression of an open part can have spaces.
    this.#appendWords(text.match(new RegExp(`(?:${openStart}[^${openEnd}]*${openEnd}|\\S)+`, 'g')) ?? [])
    if (/\s$/.test(text)) this.#endWord(0)
  }

  #appendWords(values: readonly string[]): void {
    for (const [index, value] of values.entries()) {
      if (index > 0) this.#endWord(0)
      this.#append(value)
    }
  }

  /** The values of `$NAME`, `${NAME}`, `${NAME:-default}` or `${NAME[@]}`; one open part if nothing states them. */
  #expansion(): readonly string[] {
    const start = this.#at
    const rest = this.#text.slice(start, start + 4_000)
    const name = /^\$([A-Za-z_]\w*)/.exec(rest)?.[1]
    if (name !== undefined) {
      this.#at += name.length + 1
      return this.#variables.get(name) ?? [openPart(`$${name}`)]
    }
    const length = expressionLength(rest)
    this.#at += length
    // A dollar sign alone is itself.
    if (length === 1) return ['$']
    const expression = rest.slice(0, length)
    const [, own, operator = '', word = ''] =
      /^\$\{([A-Za-z_]\w*)(?:\[[@*]\])?(?:(:?[-=+?])(.*))?\}$/s.exec(expression) ?? []
    if (own === undefined) return [openPart(expression)]
    const known = this.#variables.get(own)
    const isSet = known !== undefined && !(operator.startsWith(':') && known.join('') === '')
    if (operator.endsWith('+')) return isSet ? [this.#expanded(word)] : []
    if (isSet) return known
    if (operator === '' || operator.endsWith('?')) return [openPart(expression)]
    const value = this.#expanded(word)
    // A default of nothing is usual for flags that a user may add.
    if (known === undefined) this.defaults.set(own, value)
    return value === '' ? [] : [value]
  }

  #expanded(text: string): string {
    const inner = new ShellReader(`"${text.replace(/^(["'])(.*)\1$/s, '$2')}"`, {})
    for (const [name, value] of this.#variables) inner.#variables.set(name, value)
    return inner.commands()[0]?.words[0] ?? ''
  }

  #redirection(): void {
    // The number before it is that of a stream.
    if (/^\d+$/.test(this.#word ?? '')) this.#word = undefined
    this.#endWord(0)
    const rest = this.#text.slice(this.#at, this.#at + 4_000)
    const here = /^<<-?\s*(["']?)(\w+)\1/.exec(rest)
    if (here?.[2] !== undefined) this.#hereDocuments.push(here[2])
    const skipped = here ?? /^[<>&|]+(?:\s*[<>]?\([^)]*\)|[ \t]*(?:"[^"]*"|'[^']*'|[^\s;|&()])*)/.exec(rest)
    this.#at += skipped?.[0].length ?? 1
  }

  #skipHereDocuments(): void {
    for (const mark of this.#hereDocuments) {
      const end = new RegExp(`^\\t*${mark}$`, 'm').exec(this.#text.slice(this.#at))
      this.#at = end === null ? this.#text.length : this.#at + end.index + end[0].length
    }
    this.#hereDocuments = []
  }

  /** `NAME=(word word)` sets an array. */
  #array(): void {
    const [, name = '', plus] = assignment.exec(this.#word ?? '') ?? []
    const outer = this.#words
    this.#words = []
    this.#word = undefined
    this.#at++
    while (this.#at < this.#text.length && this.#text[this.#at] !== ')') {
      if (this.#text[this.#at] === '\n') this.#endWord(1)
      else this.#step()
    }
    this.#endWord(1)
    this.#set(name, [...(plus === '+' ? (this.#variables.get(name) ?? []) : []), ...this.#words])
    this.#words = outer
  }

  #set(name: string, values: readonly string[]): void {
    const length = values.reduce((sum, value) => sum + value.length + 1, 0)
    this.#variables.set(name, length > longestValue ? [openPart(`$${name}`)] : values)
  }

  #endWord(skip: number): void {
    if (this.#word !== undefined) this.#words.push(this.#word)
    this.#word = undefined
    this.#at += skip
  }

  #endCommand(): void {
    this.#endWord(0)
    const words = this.#words
    this.#words = []
    const first = words.findIndex((word) => !assignment.test(word))
    const declares = /^(?:export|declare|typeset|readonly|local)$/.test(words[0] ?? '')
    const assignments = declares ? words.slice(1) : words.slice(0, first === -1 ? words.length : first)
    if (!declares && first > 0) {
      this.#commands.push({ words: words.slice(first), env: { ...this.#environment(), ...pairs(assignments) } })
      return
    }
    for (const word of assignments) {
      const [, name = word, plus, value] = assignment.exec(word) ?? []
      if (words[0] === 'export' || words.includes('-x')) this.#exported.add(name)
      if (value === undefined) continue
      this.#set(name, [plus === '+' ? `${this.#variables.get(name)?.join(' ') ?? ''}${value}` : value])
    }
    if (!declares && first === 0) this.#commands.push({ words, env: this.#environment() })
  }

  #environment(): Record<string, string> {
    const entries = [...this.#exported].flatMap((name) => {
      const value = this.#variables.get(name)
      return value === undefined ? [] : [[name, value.join(' ')] as const]
    })
    return Object.fromEntries(entries)
  }
}

function pairs(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name = word, , value = ''] = assignment.exec(word) ?? []
      return [name, value]
    }),
  )
}

/** Characters of the expression at the start of a text, up to its closing bracket or quote. */
function expressionLength(text: string): number {
  if (text.startsWith('`')) return Math.max(text.indexOf('`', 1) + 1, 1)
  const close = text[1] === '{' ? '}' : text[1] === '(' ? ')' : undefined
  if (close === undefined) return /^\$[\d@*#?$!-]/.test(text) ? 2 : 1
  let depth = 0
  for (let index = 1; index < text.length; index++) {
    if (text[index] === text[1]) depth++
    else if (text[index] === close && --depth === 0) return index + 1
  }
  return text.length
}

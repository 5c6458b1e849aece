// Layout of plain text for a terminal: widths, wrapped paragraphs and tables.

/** Length of the longest text. Not by spreading into Math.max, which fails for 100 000 arguments. */
export function longest(texts: readonly string[]): number {
  return texts.reduce((length, text) => Math.max(length, displayWidth(text)), 0)
}

/**
 * Columns that a text takes at most. Characters of East Asia and emoji count as two. Combining marks count as one, so that
 * a line is never longer than computed.
 */
function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += isWide(character) ? 2 : 1
  return width
}

/** From U+1100 on, Hangul begins; the blocks below it are narrow, and so is general punctuation up to arrows and lines. */
function isWide(character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  return code >= 0x1100 && !(code >= 0x1e00 && code < 0x231a) && !(code >= 0x2500 && code < 0x25fd)
}

/** The beginning of a one-line text that takes at most `width` columns, with `…` if something was left out. */
export function clipped(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let used = 1
  for (const character of text) {
    used += displayWidth(character)
    if (used > width) break
    kept += character
  }
  return `${kept}…`
}

/**
 * Breaks a text into lines at spaces; its own line breaks stay. A word is never divided, so that paths, commands and URLs
 * can be copied: a line with a longer word is too long.
 *
 * @param width columns per line.
 */
export function wrap(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = ''
    let used = 0
    for (const word of paragraph.trim().split(/ +/)) {
      const length = displayWidth(word)
      if (line !== '' && used + 1 + length > width) {
        lines.push(line)
        line = word
        used = length
      } else {
        used += length + (line === '' ? 0 : 1)
        line = line === '' ? word : `${line} ${word}`
      }
    }
    return [...lines, line]
  })
}

/** Fewest columns beside a label. If fewer are left, the text begins under the label. */
const minBesideLabel = 24

/**
 * A label with a text that is wrapped beside it, or under it if the terminal is narrow.
 *
 * @param label with the spaces that separate it from the text.
 * @param width columns per line, the label included.
 */
export function hanging(label: string, text: string, width: number): readonly string[] {
  const indent = displayWidth(label)
  if (width - indent < minBesideLabel) {
    const under = ' '.repeat(label.search(/[^ ]|$/) + 2)
    return [label.trimEnd(), ...wrap(text, width - under.length).map((line) => `${under}${line}`)]
  }
  return wrap(text, width - indent).map((line, index) => `${index === 0 ? label : ' '.repeat(indent)}${line}`)
}

/**
 * Wraps each line of a text that is laid out by hand. A line keeps its indentation; the text after a label, which ends with
 * two spaces, is wrapped beside the label.
 *
 * @param width columns per line.
 * @param keep whether a line stays as it is, for example because it is a command. @defaultValue none
 */
export function reflow(text: string, width: number, keep: (line: string) => boolean = () => false): string {
  return text
    .split('\n')
    .flatMap((line) => {
      if (displayWidth(line) <= width || keep(line)) return [line]
      const label = /^ *(?:# |[^ ](?:[^ ]| (?! ))* {2,})?/.exec(line)?.[0] ?? ''
      return hanging(label, line.slice(label.length), width)
    })
    .join('\n')
}

/**
 * A table whose cells are aligned with spaces. If it is wider than `width`, each row becomes a block: the first cell, and
 * the others below it, each after the title of its column.
 *
 * @param rows the first row has the titles.
 */
export function table(rows: readonly (readonly string[])[], width: number): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => longest(rows.map((row) => row[column] ?? '')))
  const padded = (cell: string, column: number) => cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell))
  const lines = rows.map((row) => `  ${row.map(padded).join('  ')}`.trimEnd())
  if (longest(lines) <= width) return lines
  const titles = rows[0] ?? []
  return rows.slice(1).flatMap(([first = '', ...others]) => {
    const named = others.map((cell, index) => [titles[index + 1], cell].filter(Boolean).join(' '))
    const rest = named.filter((_, index) => others[index] !== '').join(', ')
    return [...hanging('  ', first, width), ...(rest === '' ? [] : hanging('    ', rest, width))]
  })
}

import { numberHidden, onOneLine } from '../../../router/text/on-one-line.ts'

// Text from a model, a log or a file on GitHub. Besides CommonMark, GitHub makes links of bare addresses, `@names`, issue
// numbers and hashes of commits, pictures of `:names:`, and formulas of `$…$`. No escape prevents these: they are found in
// the text that is shown. Only code is left as it is.

/** Parts of a word that GitHub changes: addresses, mentions, references, hashes, emoji and formulas. */
const active = new RegExp(
  [
    '[@$]',
    String.raw`:\/\/`,
    String.raw`\b(?:mailto|xmpp|tel|data|javascript):`,
    String.raw`www\.`,
    String.raw`#\d`,
    String.raw`\bGH-\d`,
    String.raw`\b[\da-f]{7,40}\b`,
    // Times such as 10:20:30 have no name between their colons.
    String.raw`:(?!\d\d:)[\w+-]+:`,
  ].join('|'),
  'i',
)

/** Untrusted text as part of a line: without markup, links and line breaks. Words that GitHub would change are code. */
export function escapeText(text: string): string {
  return visibleLine(text)
    .split(' ')
    .map((word) => (active.test(word) ? fenced(word) : escapeWord(word)))
    .join(' ')
    .replace(/^[-+=]/, '\\$&')
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
}

function escapeWord(word: string): string {
  // An underscore between letters is never emphasis.
  return word.replace(/[\\`*{}[\]<>#|~!&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\$&')
}

/** A text on one line. Characters that nobody sees are shown by their numbers, as in the HTML report. */
function visibleLine(text: string): string {
  return onOneLine(numberHidden(text))
}

/**
 * A quote as inline code, so that a reader can search the logs for it. It is byte for byte the quote, except for characters
 * that nobody sees, which are shown by their numbers. Each line of it is a code.
 */
export function exactCode(quote: string): string {
  const lines = quote.split(/\r?\n/).filter((line) => line.trim() !== '')
  return lines.map((line) => fenced(numberHidden(line))).join(' ⏎ ')
}

/** Untrusted text as inline code. */
export function inlineCode(text: string): string {
  return fenced(visibleLine(text))
}

/** A line as inline code. The fence is longer than any run of backticks in it. */
function fenced(line: string): string {
  if (line === '') return ''
  const fence = '`'.repeat(longestFence(line) + 1)
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${line}${pad}${fence}`
}

/** Lines as a block of shell code. */
export function codeBlock(lines: readonly string[]): string {
  const fence = '`'.repeat(Math.max(2, ...lines.map(longestFence)) + 1)
  return [`${fence}sh`, ...lines.map(visibleLine), fence].join('\n')
}

/** Length of the longest run of backticks. */
function longestFence(line: string): number {
  // Not by spreading into Math.max, which fails for 100 000 arguments.
  return (line.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 0)
}

/** A table. The cells must be escaped already. A pipe would end a cell even within code, so that it needs a backslash. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replace(/(?<!\\)((?:\\\\)*)\|/g, '$1\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A list of escaped items. */
export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

/** A numbered list of escaped items. */
export function numbered(items: readonly string[]): string {
  return items.map((item, index) => `${index + 1}. ${item}`).join('\n')
}

/** A section with its title; nothing if it has no content. */
export function section(title: string, ...parts: readonly string[]): readonly string[] {
  const content = parts.filter((part) => part !== '')
  return content.length === 0 ? [] : [`## ${title}`, ...content]
}

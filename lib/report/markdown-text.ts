/** Untrusted text inside a Markdown line: nothing in it is markup, a link or a terminal command, and it stays one line. */
export function plain(text: string): string {
  return (
    oneLine(text)
      .replace(/[\\`*_{}[\]<>#|~!]/g, '\\$&')
      .replace(/^[-+=]/, '\\$&')
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
      // Renderers make links of bare addresses too: without the colon there is none to find.
      .replace(/\b(https?|ftp|mailto):/gi, '$1&#58;')
      .replace(/\bwww\./gi, 'www&#46;')
  )
}

/** Untrusted text as inline code; the fence is longer than any run of backticks in it. */
export function code(text: string): string {
  const line = oneLine(text)
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${line}${pad}${fence}`
}

/** Inline code in a table cell, which a pipe would end even inside of code. */
export function cellCode(text: string): string {
  return code(text).replaceAll('|', '\\|')
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
}

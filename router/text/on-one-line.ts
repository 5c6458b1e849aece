/**
 * A text on one line, without control characters, for terminals, tables and error messages: a control character can move the
 * cursor, and U+202A to U+202E and U+2066 to U+2069 change the direction of the text after them. Each run of these
 * characters and of blanks becomes one space.
 */
export function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

/**
 * Characters that people do not see: control characters except tab and line feed, marks that change the direction of text,
 * characters without width, and the tags U+E0000 to U+E01EF, which can spell a whole hidden text.
 */
const hidden =
  /(?![\t\n])\p{Cc}|[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e01ef}]|\p{Cs}/gu

/** A text that shows everything it contains, at most `maxLength` UTF-16 code units long. For texts of strangers. */
export function visibleText(text: string, maxLength: number): string {
  // A text may have many megabytes. What is hidden in the shown part does not make it much longer.
  const shown = text
    .slice(0, 2 * maxLength)
    .replace(hidden, '')
    .trim()
  if (shown.length <= maxLength && text.length <= 2 * maxLength) return shown
  return `${shown.slice(0, maxLength - 2).replace(/\p{Cs}$/u, '')} …`
}

/** Whether a text contains a character that {@link visibleText} removes. */
export function hasHiddenCharacter(text: string): boolean {
  return text.search(hidden) !== -1
}

/** Line and paragraph separators are shown, too: they look like a line break that is not in the source. */
const hiddenOrSeparator = new RegExp(`${hidden.source}|[\\u2028\\u2029]`, 'gu')

/**
 * A text in which each hidden character is replaced by its number, such as `⟨U+202E⟩`, so that a reader sees everything
 * that a log or a model wrote. Lines may end with CR LF.
 */
export function numberHidden(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(hiddenOrSeparator, (character) => {
    const number = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return `⟨U+${number}⟩`
  })
}

/**
 * A text on one line, without control characters, for terminals, tables and error messages: a control character can move the
 * cursor, and U+202A to U+202E and U+2066 to U+2069 change the direction of the text after them. Each run of these
 * characters and of blanks becomes one space.
 */
export function onOneLine(text: string): string {
  return text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim()
}

// Removes what programs write only for a terminal.

const esc = String.fromCharCode(27)
/**
 * Control sequences of ECMA-48: colours and other codes that begin with ESC and `[`, and titles and links that begin with
 * ESC and `]`. syslog, editors and JSON replace ESC with `#033`, `^[` or `\\u001b`. Pasted text often lacks it, and then only
 * colours are recognised.
 */
const codes = new RegExp(
  [
    `(?:${esc}|#033|\\^\\[|\\\\u001b|\\\\x1b|\\\\033)(?:\\[[0-?]{0,32}[ -/]{0,8}[@-~]|\\][^${esc}\\x07]{0,2048}(?:\\x07|${esc}\\\\))`,
    '\\[\\d{1,2}(?:;\\d{1,2})*m(?!\\])',
  ].join('|'),
  'gi',
)
/** Most lines have none of these. */
const mayHaveCode = new RegExp(`${esc}|#033|\\^\\[|\\\\(?:u001b|x1b|033)|\\[\\d{1,2}[;m]`, 'i')

/** A line without terminal codes. */
export function withoutTerminalCodes(line: string): string {
  return mayHaveCode.test(line) ? line.replace(codes, '') : line
}

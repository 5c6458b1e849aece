import { hasHiddenCharacter } from '../../../router/text/on-one-line.ts'
import { redactDeep } from '../../../router/text/redact.ts'

/** Words that no shell changes, without quotes. */
const plain = /^[A-Za-z0-9_./:,@%+-][A-Za-z0-9_./:,@%+=-]*$/

/**
 * A text as one word of a POSIX shell. A pasted command then passes exactly this text as an argument and runs nothing of it.
 *
 * Characters that people do not see, such as line breaks, are written as octal codes: a terminal obeys a pasted control
 * character even within quotes. No argument can contain U+0000, and a shell drops line breaks at the end of such a text, so
 * both are left out.
 */
export function shellWord(text: string): string {
  if (plain.test(text)) return text
  const passed = text.replaceAll('\0', '')
  if (!hasHiddenCharacter(passed) && !/[\t\n\u2028\u2029]/.test(passed)) return `'${passed.replaceAll("'", "'\\''")}'`
  return `"$(printf '${[...passed.replace(/\n+$/, '')].map(formatted).join('')}')"`
}

/** A character in the format of `printf` within single quotes. */
function formatted(character: string): string {
  if (/[ -~]/.test(character) && !/['!\\%]/.test(character)) return character
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** A part that the reader fills in. It is quoted, so that a shell that gets it by mistake reads no file of this name. */
export function blank(name: string): string {
  return `'<${name}>'`
}

/** The value of a name as one word. The reader fills in the value of a secret, because a report has none. */
export function valueWord(name: string, value: string): string {
  return redactDeep({ [name]: value })[name] === value ? shellWord(value) : blank(`value of ${name}`)
}

/** An operand of a command. One that looks like an option comes after `--`. */
export function operand(text: string): string {
  return text.startsWith('-') ? `-- ${shellWord(text)}` : shellWord(text)
}

/** Whether a name can be set with `export`. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name)
}

/**
 * Text that users of the server control: prompts, answers, request ids, URLs. It can contain any line of any log, so it
 * is never evidence. What is left of a line after the text is removed can be.
 */

/** Places where text of a user starts. Request lines are cut before the request id, because clients can choose it. */
const starts: readonly RegExp[] = [
  // vLLM's lines about a request.
  /\b(?:Received request|Generated response|Added request|Aborted request\(?s?\)?)\b/,
  /\bRequest \S{1,200} details:/,
  // Values of a request in messages of any program: prompt: '…', messages=[…], "content": "…".
  /\b(?:prompt|messages|prompt_token_ids|prompt_text|content|text|input_value|user_input|query|stop)["']?\s?[:=]\s?(?:[frbu]?["'`]|\[|\{|<)/,
  /\bprompt:/,
]

/** A request in an access log, with its status. URL and headers come from the client. */
const access =
  /"(?:GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH) .{0,2000}?(HTTP\/[\d.]+"\s+\d{3}(?: [A-Z][A-Za-z ]{2,40})?).*$/s

/** A text without the part that users control. */
export function withoutUserText(text: string): string {
  const cut = starts.reduce((end, start) => Math.min(end, start.exec(text.slice(0, end))?.index ?? end), text.length)
  return text.slice(0, cut).replace(access, '"$1')
}

/** A line that quotes a prompt or an answer. */
const opening =
  /\b(?:Received request|Request \S{1,200} details|Generated response)\b.*?\b(?:prompt|output):\s|\b[Pp]rompt: ?["']/
/** The quoted text must start within this many characters. */
const openingCharacters = 1024
/** Members that vLLM writes after the quoted text. */
const closing =
  /(?:^|["'\])]), (?:params: |prompt_token_ids: |output_token_ids: |prompt_embeds|lora_request: |finish_reason: )/
/** A prompt over more lines than this is not followed to its end. */
const longestPrompt = 500

/**
 * Finds the lines that continue a prompt with line breaks.
 *
 * A prompt can contain the text that follows a prompt, and then the line of an error. But each request has one end: if
 * another end follows before the next request, everything up to it is the prompt.
 *
 * @param startsRecord whether a line has the prefix of a log record. If the end of the prompt is missing, the first such
 * line ends it.
 * @returns the indexes of those lines.
 */
export function promptLines(lines: readonly string[], startsRecord: (line: string) => boolean): ReadonlySet<number> {
  const found = new Set<number>()
  const add = (first: number, last: number) => {
    for (let index = first; index <= last; index++) found.add(index)
  }
  // The line with the start of the latest prompt, the first line after the known part, and whether its end is missing.
  let prompt: { readonly start: number; next: number; open: boolean } | undefined
  const close = () => {
    if (prompt?.open !== true) return
    let end = prompt.next
    while (end < lines.length && end - prompt.start <= longestPrompt && !startsRecord(lines[end] ?? '')) end++
    add(prompt.next, end - 1)
  }
  lines.forEach((line, index) => {
    const text = textAfterStart(line)
    if (text !== undefined) {
      close()
      prompt = { start: index, next: index + 1, open: !closing.test(text) }
    } else if (prompt !== undefined && index - prompt.start <= longestPrompt && hasEnd(line)) {
      add(prompt.next, index)
      prompt.next = index + 1
      prompt.open = false
    }
  })
  close()
  return found
}

/** The text after the start of a prompt; `undefined` for a line without it. */
function textAfterStart(line: string): string | undefined {
  // Most lines have none of these words, and the search for a word is fast.
  if (!/prompt:|output:/i.test(line)) return undefined
  const start = opening.exec(line.slice(0, openingCharacters))
  return start === null ? undefined : line.slice(start.index + start[0].length)
}

/** Whether a line has the end of a prompt. */
function hasEnd(line: string): boolean {
  return line.includes(', ') && closing.test(line)
}

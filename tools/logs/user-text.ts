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
const opening = /\b(?:Received request|Request \S{1,200} details|Generated response)\b.*?\b(?:prompt|output):\s/
/** The quoted text must start within this many characters. */
const openingCharacters = 1024
/** Members that vLLM writes after the quoted text. */
const closing = /(?:^|["'\])]), (?:params: |prompt_token_ids: |output_token_ids: |prompt_embeds|lora_request: )/
/** A prompt over more lines than this is not followed to its end. */
const longestPrompt = 500

/**
 * Finds the lines that continue a prompt with line breaks.
 *
 * @param startsRecord whether a line has the prefix of a log record. If the end of the prompt is missing, the first such
 * line ends it.
 * @returns the indexes of those lines.
 */
export function promptLines(lines: readonly string[], startsRecord: (line: string) => boolean): ReadonlySet<number> {
  const found = new Set<number>()
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const start = opening.exec(line.slice(0, openingCharacters))
    if (start === null || closing.test(line.slice(start.index + start[0].length))) continue
    const end = endOfPrompt(lines, index, startsRecord)
    while (index < end) found.add(++index)
  }
  return found
}

/** Index of the last line of the prompt that starts in a line. */
function endOfPrompt(lines: readonly string[], first: number, startsRecord: (line: string) => boolean): number {
  const last = Math.min(lines.length - 1, first + longestPrompt)
  for (let index = first + 1; index <= last; index++) {
    const line = lines[index] ?? ''
    if (closing.test(line)) return index
  }
  let end = first
  while (end < last && !startsRecord(lines[end + 1] ?? '')) end++
  return end
}

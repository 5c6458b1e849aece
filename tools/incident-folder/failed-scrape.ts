import type { LeftOut } from './find-files.ts'
import type { StoredPage } from './metrics-pages.ts'

// A scrape that failed leaves a file, too: the message of the client, an error page of a proxy, or nothing.

/** A scrape that the server did not answer with a page. */
export interface FailedScrape {
  /** Path relative to the folder. */
  readonly file: string
  /** When it was tried, in Unix milliseconds; `undefined` if the name of the file does not state it. */
  readonly timeMs: number | undefined
  /** First line of the file; empty for an empty file. */
  readonly message: string
}

/** Words of clients and proxies at the start of the file, or after curl's table of progress. */
const failure =
  /^\s*(?:[ \d%A-Z:.-]*\n){0,6}?.{0,40}?(?:curl: \(\d+\)|wget: |Failed to connect|Connection refused|connection refused|upstream connect error|(?:50[234]|404) (?:Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out|Not Found)|no healthy upstream|unable to forward port|error forwarding port)/i
const errorPage = /^\s*<(?:!doctype html|html)[\s\S]*?\b(50[234] [A-Za-z ]+|404 Not Found)/i

/** The message of a failed scrape; `undefined` if the text is something else. */
export function failedScrape(text: string): string | undefined {
  const start = text.slice(0, 4_000)
  const page = errorPage.exec(start)?.[1]
  if (page !== undefined) return page.trim()
  if (!failure.test(start) || start.split('\n').length > 30) return undefined
  const lines = start.split('\n')
  return (
    lines.find((line) => /curl: \(|wget: |refused|connect|upstream|forward|\b[45]0\d\b/i.test(line)) ?? start
  ).trim()
}

/** The name of a file that a scrape writes. */
export function isScrapeName(name: string): boolean {
  return /metrics|\.prom(?:\.gz)?$/i.test(name)
}

/** An empty file with the name of a page: `curl -s` writes no message. */
export function isEmptyScrape({ file, reason }: LeftOut): boolean {
  return reason === 'It is empty.' && isScrapeName(file)
}

/** Notes on restarts and failed scrapes: the first facts about an incident. */
export function serverNotes(
  pages: readonly StoredPage[],
  run: readonly StoredPage[],
  failed: readonly FailedScrape[],
): readonly string[] {
  const [before, after] = [pages.at(-run.length - 1), run[0]]
  const restarts =
    before === undefined || after === undefined
      ? []
      : [
          `The server restarted between ${isoTime(before.timeMs)} (${before.file}) and ${isoTime(after.timeMs)} (${after.file}): its counters began again. Look at the pages before the restart for its cause.`,
        ]
  return [...restarts, ...failed.map(failedScrapeNote)]
}

/** A failed scrape in a sentence. */
function failedScrapeNote({ file, timeMs, message }: FailedScrape): string {
  const at = timeMs === undefined ? '' : ` at ${isoTime(timeMs)}`
  return `The server did not answer a scrape${at}: ${file} ${message === '' ? 'is empty' : `has "${message.slice(0, 160)}"`}.`
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

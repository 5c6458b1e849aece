import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { suggestName } from '../../router/text/closest.ts'
import { systemErrorCode, systemProblem } from '../../router/text/system-error.ts'
import { renderMarkdown } from '../incident/report/markdown.ts'
import { ReportError, readReport } from '../incident/report/read-report.ts'
import { createReportFolder, writeReport } from '../incident/report/report-files.ts'
import type { ReportDocument } from '../incident/report/report-schema.ts'
import { type CommandIo, exitCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { writeVerdict } from './verdict.ts'

/** Forms in which a report is printed. `text` is the verdict, as after a run. */
const formats = ['text', 'md', 'html', 'json'] as const

/** Options of `report`. */
interface ReportOptions {
  /** Folder for the three files. @defaultValue print instead */
  readonly out?: string
  /** One of {@link formats}. @defaultValue 'text' */
  readonly format?: string
}

/** Registers `report`. */
export function registerReport(program: Command, context: CommandContext): void {
  addCommand(program, 'report <report.json>', 'render a report again', {
    examples: [
      ['report reports/kv_cache_pressure-1/report.json', 'the verdict, as after a run'],
      ['report report.json --format md', 'the report as Markdown, to stdout'],
      ['report report.json --out rendered', 'write report.html, report.md and report.json into a folder'],
    ],
    ok: 'the report was rendered',
    usage: 'wrong command line, or the file is not a report of this release: nothing was written',
  })
    .option('--format <format>', `what is printed: ${formats.join(', ')} (default: text)`)
    .option('--out <folder>', 'write the files into this folder instead of printing')
    .action((file: string, options: ReportOptions) => context.run((io) => reportCommand(io, file, options)))
}

/** `tenrounds report`: prints a report in one form, or writes it in all. */
async function reportCommand(io: CommandIo, file: string, { out, format }: ReportOptions): Promise<number> {
  const chosen = formats.find((known) => known === (format ?? (io.json ? 'json' : 'text')))
  if (chosen === undefined) {
    throw new UsageError(`--format has no value "${format}". ${suggestName(format ?? '', formats, 'The formats are')}`)
  }
  if (io.json && chosen !== 'json') throw new UsageError(`--json and --format ${chosen} exclude each other.`)
  if (out !== undefined && format !== undefined) throw new UsageError('--out writes all formats. Leave out --format.')
  if (file === '') throw new UsageError('The path of the report is empty. Pass a report.json.')
  if (out === '') throw new UsageError('--out is empty. Give the path of a folder.')
  const document = await readDocument(file)
  if (out !== undefined) return writeFiles(io, document, out)
  if (chosen === 'json') io.stdout.json(document)
  else if (chosen === 'md') io.stdout.write(renderMarkdown(document))
  else if (chosen === 'html') {
    const { renderHtml } = await import('../incident/report/html/render-html.tsx')
    io.stdout.write(renderHtml(document))
  } else writeVerdict(io.stdout, document)
  return exitCode.ok
}

/** Writes report.html, report.md and report.json. @throws {UsageError} if the folder cannot be written. */
async function writeFiles(io: CommandIo, document: ReportDocument, folder: string): Promise<number> {
  try {
    await createReportFolder(folder)
    await writeReport({ json: document, markdown: renderMarkdown(document) }, folder)
  } catch (error) {
    throw new UsageError(`The report cannot be written to ${folder}: ${systemProblem(error)}. Choose another --out.`)
  }
  if (io.json) io.stdout.json({ report_directory: folder })
  else io.stdout.write(`${io.quiet ? folder : `Report      ${folder}/report.html, report.md, report.json`}\n`)
  return exitCode.ok
}

/** @throws {UsageError} if the file cannot be read, or holds anything else than a report of this version. */
async function readDocument(file: string): Promise<ReportDocument> {
  const text = await readFile(file, 'utf8').catch(async (error: unknown) => {
    const next = systemErrorCode(error) === 'EISDIR' ? ` ${await reportIn(file)}` : ''
    throw new UsageError(`The report cannot be read from "${file}": ${systemProblem(error)}.${next}`)
  })
  try {
    return readReport(text)
  } catch (error) {
    throw error instanceof ReportError ? new UsageError(`${file}: ${error.message}`) : error
  }
}

/** The next step for a folder: its report, or the latest one of the folders in it. */
async function reportIn(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  if (entries.some((entry) => entry.name === 'report.json')) return `Pass the file: ${join(folder, 'report.json')}.`
  const inside = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => {
        const file = join(folder, name, 'report.json')
        return stat(file).then(
          ({ mtimeMs }) => [{ file, mtimeMs }],
          () => [],
        )
      }),
  )
  const [latest] = inside.flat().sort((a, b) => b.mtimeMs - a.mtimeMs)
  return latest === undefined ? 'It has no report.json.' : `The latest report in it is ${latest.file}.`
}

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Cost, costHere, type RemoteVariant } from '../harness.ts'
import { answer, type Contender, type Course, logPages, type SchemaName, toolRounds } from './work.ts'

const makers = {
  tenrounds: async (course: Course) => (await import('./tenrounds.ts')).tenrounds(course),
  naive: async (course: Course) => (await import('./naive.ts')).naive(course),
  ai: async (course: Course) => (await import('./vercel.ts')).vercel(course),
  '@openai/agents': async (course: Course) => (await import('./openai.ts')).openai(course),
  langchain: async (course: Course) => (await import('./langchain.ts')).langchain(course),
}

export type ContenderName = keyof typeof makers
export const peerNames = ['ai', '@openai/agents', 'langchain'] as const

/** The conditions of one measurement. */
export interface Conditions {
  /** Base URL of the server, ending in `/v1`. */
  readonly baseUrl: string
  /** Size of each tool result. */
  readonly bytes: number
  readonly schema: SchemaName
  /** Number of runs in progress at the same time. */
  readonly concurrency: number
}

/** The answer of a contender's process to one request for runs. */
interface Done {
  readonly cost: Cost
  /** The last run's answer. */
  readonly said: string
  /** Pages read by all runs together. */
  readonly read: number
}

export interface StartedContender extends RemoteVariant {
  /** Resolves when the process has loaded its code and set itself up. */
  readonly ready: Promise<unknown>
  close(): void
}

/** Starts a contender in its own process, so that no contender pays for the garbage, hooks or loaded code of another. */
export function startContender(name: ContenderName, conditions: Conditions): StartedContender {
  const child = fork(fileURLToPath(import.meta.url), ['contend', name, JSON.stringify(conditions)], {
    stdio: 'inherit',
  })
  const ready = once(child, 'message')
  return {
    name,
    ready,
    async cost(times) {
      await ready
      child.send(times)
      const [{ cost, said, read }] = (await once(child, 'message')) as [Done]
      if (said !== answer || read !== times * toolRounds) {
        throw new Error(`${name} read ${read} pages in ${times} runs and answered "${said}".`)
      }
      return cost
    },
    close: () => child.disconnect(),
  }
}

async function contend(name: string, { baseUrl, bytes, schema, concurrency }: Conditions): Promise<void> {
  const pages = logPages(bytes)
  let read = 0
  const readLog = ({ page }: { readonly page: number }) => {
    read++
    const found = pages[page]
    if (found === undefined) throw new Error(`There is no page ${page}.`)
    return found
  }
  const make: (course: Course) => Promise<Contender> = makers[name as ContenderName]
  const { run } = await make({ baseUrl, schema, readLog })
  process.on('disconnect', () => process.exit())
  process.on('message', async (times: number) => {
    let said = ''
    read = 0
    let begun = 0
    const lane = async () => {
      while (begun < times) {
        begun++
        said = await run()
      }
    }
    const cost = await costHere(() => Promise.all(Array.from({ length: concurrency }, lane)))
    process.send?.({ cost, said, read } satisfies Done)
  })
  process.send?.('ready')
}

const [, , task, name = '', conditions = ''] = process.argv
if (task === 'contend') await contend(name, JSON.parse(conditions))

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Cost, costHere, type RemoteVariant } from '../harness.ts'
import { answer, type Contender, type Course, logPages, toolRounds } from './work.ts'

const contenders = {
  tenrounds: async (course: Course) => (await import('./tenrounds.ts')).tenrounds(course),
  naive: async (course: Course) => (await import('./naive.ts')).naive(course),
  ai: async (course: Course) => (await import('./vercel.ts')).vercel(course),
  '@openai/agents': async (course: Course) => (await import('./openai.ts')).openai(course),
  langchain: async (course: Course) => (await import('./langchain.ts')).langchain(course),
}

export type ContenderName = keyof typeof contenders
export const names = Object.keys(contenders) as readonly ContenderName[]

/** What a process says of the runs that it was asked for. */
interface Done {
  readonly cost: Cost
  /** The answer of the last one. */
  readonly said: string
  /** How many pages were read by all of them. */
  readonly read: number
}

export interface StartedContender extends RemoteVariant {
  close(): void
}

/**
 * Starts a contender in a process of its own: what another one has loaded, what it leaves to the collector and which hooks it
 * sets for all promises of a process then is its own affair.
 */
export function startContender(name: ContenderName, baseUrl: string, resultBytes: number): StartedContender {
  const child = fork(fileURLToPath(import.meta.url), ['contend', name, baseUrl, String(resultBytes)], {
    stdio: 'inherit',
  })
  return {
    name,
    async cost(times) {
      child.send(times)
      const [{ cost, said, read }] = (await once(child, 'message')) as [Done]
      if (said !== answer || read !== times * toolRounds) {
        throw new Error(`${name} read ${read} pages in ${times} runs and said "${said}".`)
      }
      return cost
    },
    close: () => child.disconnect(),
  }
}

async function contend(name: string, baseUrl: string, resultBytes: number): Promise<void> {
  const pages = logPages(resultBytes)
  let read = 0
  const readLog = ({ page }: { readonly page: number }) => {
    read++
    const found = pages[page]
    if (found === undefined) throw new Error(`There is no page ${page}.`)
    return found
  }
  const make: (course: Course) => Promise<Contender> = contenders[name as ContenderName]
  const making = make({ baseUrl, readLog })
  process.on('disconnect', () => process.exit())
  process.on('message', async (times: number) => {
    const { run } = await making
    let said = ''
    read = 0
    const cost = await costHere(async () => {
      for (let time = 0; time < times; time++) said = await run()
    })
    process.send?.({ cost, said, read } satisfies Done)
  })
}

const [, , task, name = '', baseUrl = '', resultBytes] = process.argv
if (task === 'contend') await contend(name, baseUrl, Number(resultBytes))

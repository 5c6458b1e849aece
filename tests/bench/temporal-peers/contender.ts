import { fileURLToPath } from 'node:url'
import type { WorkerOptions } from '@temporalio/worker'
import type { Work } from './work-contract.ts'

/** The ways of running an agent that are compared. Each is a module and a workflow in `contenders/`. */
export const contenderNames = ['tenrounds', 'hand-written', 'ai-sdk', 'openai-agents'] as const

/** One of {@link contenderNames}. */
export type ContenderName = (typeof contenderNames)[number]

/** Everything that a contender needs to set itself up. */
export interface Course {
  /** Base URL of the model server, ending in `/v1`. */
  readonly baseUrl: string
  readonly work: Work
  /** Whether the tool is declared to have no side effects. Only tenrounds makes a difference. */
  readonly isReadOnly?: boolean
}

/** The options of a worker that differ between the contenders. */
export type ContenderOptions = Partial<Omit<WorkerOptions, 'taskQueue' | 'connection' | 'workflowBundle'>>

/** A module in `contenders/`. */
export interface ContenderModule {
  contend(course: Course): Promise<ContenderOptions> | ContenderOptions
}

/** Loads a contender, and no other: their packages are large. */
export async function loadContender(name: ContenderName): Promise<ContenderModule> {
  return (await import(new URL(`contenders/${name}.ts`, import.meta.url).href)) as ContenderModule
}

export function workflowsPathOf(name: ContenderName): string {
  return fileURLToPath(new URL(`contenders/${name}-workflow.ts`, import.meta.url))
}

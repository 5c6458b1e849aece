import { setInterval } from 'node:timers'
import { Context, heartbeat } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import type { ContenderOptions, Course } from '../contender.ts'
import { toolName } from '../script.ts'
import { workDescription, workSchema } from '../work-contract.ts'

/** A message of the conversation; `tool_calls` is set if the model asks for tools. */
export interface Message {
  readonly role: string
  readonly content: string | null
  readonly tool_calls?: readonly ToolCall[]
  readonly tool_call_id?: string
}

/** A call that the model asks for. */
export interface ToolCall {
  readonly id: string
  readonly function: { readonly name: string; readonly arguments: string }
}

const tools = [{ type: 'function', function: { name: toolName, description: workDescription, parameters: workSchema } }]

/** As a careful user writes it: one activity for a model call, and one for a tool call. */
export function contend({ baseUrl, work }: Course): ContenderOptions {
  return { activities: activitiesOf(baseUrl, work) }
}

function activitiesOf(baseUrl: string, work: Course['work']) {
  const call_model = async (messages: readonly Message[]): Promise<Message> => {
    const beats = setInterval(() => heartbeat(), 2_000)
    try {
      const response = await fetch(`${baseUrl}/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'any', messages, tools }),
        signal: Context.current().cancellationSignal,
      })
      if (!response.ok) throw failureOf(response)
      const { choices } = (await response.json()) as { choices: readonly [{ readonly message: Message }] }
      return choices[0].message
    } finally {
      clearInterval(beats)
    }
  }
  return { call_model, work }
}

function failureOf({ status, headers }: Response): ApplicationFailure {
  const seconds = Number(headers.get('retry-after'))
  const wait = seconds > 0 ? { nextRetryDelay: seconds * 1_000 } : {}
  return ApplicationFailure.create({ message: `HTTP ${status}`, nonRetryable: status === 401, ...wait })
}

/** The activities, for the workflow. */
export type Activities = ReturnType<typeof activitiesOf>

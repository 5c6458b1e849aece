import { expect, test } from 'vitest'
import {
  type AgentResult,
  agentResultSchema,
  type IncidentAgentOptions,
  type Report,
  reportSchema,
  runIncident,
} from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { faults, type MockServerOptions, type Responder, startMockServer } from '../../lib/testing/index.ts'
import { compileSchema } from '../../router/validation.ts'
import { keysInOtherStyles } from '../support/key-styles.ts'
import { scenario } from './support/answer.ts'

interface Case {
  readonly server?: MockServerOptions
  readonly options?: IncidentAgentOptions
  readonly stopReason: AgentResult['run']['stop_reason']
  /** Kinds of entries that the trace must have, so that the walk meets them. */
  readonly entries: readonly AgentResult['agent_trace'][number]['type'][]
}

const rules = incidentResponder()

/** Writes the scenario of one call as a list, which coercion repairs, and quotes something that no tool returned. */
const careless: Responder = async (request) => {
  const draft = await rules(request)
  if (draft.content !== undefined && draft.content !== '') {
    return { ...draft, content: draft.content.replace('"quote":"', '"quote":"invented ') }
  }
  return { ...draft, toolCalls: draft.toolCalls?.map(withTextLimit) ?? [] }
}

function withTextLimit<Call extends { readonly name: string; readonly input: unknown }>(call: Call): Call {
  return call.name === 'fetch_vllm_logs' ? { ...call, input: { scenario, limit: '50' } } : call
}

const cases: Readonly<Record<string, Case>> = {
  'an answered run': { stopReason: 'answered', entries: ['reply', 'tool-end'] },
  'a run that reached its limit': {
    server: { responder: careless, faults: [faults.at(2, faults.errorReply('500'))] },
    options: {
      limits: { rounds: 6 },
      onEvent: () => {
        throw new Error('The listener is broken.')
      },
    },
    stopReason: 'rounds',
    entries: ['reply', 'tool-end', 'repair', 'retry', 'limit', 'warning'],
  },
  'a run whose answers were rejected': {
    server: { responder: careless },
    options: { limits: { rounds: 8 } },
    stopReason: 'rounds',
    entries: ['answer-rejected'],
  },
  'a failed run': {
    server: { faults: [faults.from(3, faults.errorReply('401'))] },
    stopReason: 'failed',
    entries: ['reply', 'tool-end', 'reply-failed'],
  },
}

test.each(Object.entries(cases))('%s gives documents in snake_case that fit their schemas', async (_name, one) => {
  const { result, report } = await runCase(one)
  expect(result.run.stop_reason).toBe(one.stopReason)
  const types = new Set<string>(result.agent_trace.map(({ type }) => type))
  for (const type of one.entries) expect(types).toContain(type)
  expect(keysInOtherStyles(result)).toEqual([])
  expect(keysInOtherStyles(report.json)).toEqual([])
  expect(compileSchema(agentResultSchema)(result)).toEqual([])
  expect(compileSchema(reportSchema)(JSON.parse(JSON.stringify(report.json)))).toEqual([])
})

test('the walk finds a key in another style, but not in values of users', () => {
  const environment = { updated_config: { env: { NCCL_PROTO: 'Simple' } }, post_telemetry: null }
  expect(keysInOtherStyles(environment)).toEqual([])
  expect(keysInOtherStyles({ run: [{ retryAfterMs: 5 }], 'x-y': 1, Z: 1 })).toEqual([
    '/run/0/retryAfterMs',
    '/x-y',
    '/Z',
  ])
})

async function runCase({ server, options }: Case): Promise<{ readonly result: AgentResult; readonly report: Report }> {
  await using mockServer = await startMockServer({ responder: rules, ...server })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  try {
    return await runIncident(scenario, { ...options, model })
  } finally {
    await model.close()
  }
}

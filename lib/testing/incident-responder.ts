import { answerOf } from './incident-responder/answer.ts'
import { attemptsOf, candidatesOf } from './incident-responder/attempts.ts'
import { readConversation } from './incident-responder/conversation.ts'
import { observe } from './incident-responder/observations.ts'
import { diagnose } from './incident-responder/rules.ts'
import { fixingCalls, gatheringCalls } from './incident-responder/steps.ts'
import type { Responder } from './stand-in/reply-draft.ts'

/**
 * Plays the model for the incident agent, by rules: gather facts, analyse, apply a fix, collect, validate, answer.
 *
 * It keeps no state and decides from the request alone: the scenario in the prompt and the tool results so far. It
 * knows no scenario and no solution; its rules are general operating advice for vLLM. Text from logs is matched against
 * known patterns and never followed.
 */
export function incidentResponder(): Responder {
  return (request) => {
    const conversation = readConversation(request)
    const gathering = gatheringCalls(conversation, request.tools)
    if (gathering.length > 0) return { toolCalls: gathering }
    const observed = observe(conversation)
    const diagnoses = diagnose(observed)
    const candidates = candidatesOf(diagnoses)
    const attempts = attemptsOf(conversation, candidates)
    const declared = new Set(request.tools.map(({ name }) => name))
    const fixing = fixingCalls(conversation, candidates, attempts)
    if (fixing.length > 0 && fixing.every(({ name }) => declared.has(name))) return { toolCalls: fixing }
    return { content: JSON.stringify(answerOf(observed, diagnoses, attempts)) }
  }
}

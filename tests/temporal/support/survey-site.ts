import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type MockServer, startMockServer } from '../../../lib/testing/index.ts'
import { type LocalServer, startLocalServer } from '../../minimax/support/local-server.ts'
import { surveyResponder } from './survey.ts'

/** Events of a survey that the servers of its model and its tools see. */
export type SurveyMoment = 'model-asked' | 'model-answered' | 'tool-begun' | 'tool-done'

/** One event, numbered. */
export interface SurveyEvent {
  readonly survey: string
  readonly moment: SurveyMoment
  /** Number among the events of this kind in this survey, from 1. */
  readonly count: number
}

/** The servers that the workers of a test use. They run in the test's process, so their counts survive every crash. */
export class SurveySite {
  readonly mockServer: MockServer
  readonly control: LocalServer
  readonly #events: EventEmitter
  readonly #seen: Map<string, number>

  static async open(times: { readonly modelMs: number; readonly toolMs: number }): Promise<SurveySite> {
    const events = new EventEmitter()
    const seen = new Map<string, number>()
    const emit = (survey: string, moment: SurveyMoment) => {
      const count = (seen.get(`${survey} ${moment}`) ?? 0) + 1
      seen.set(`${survey} ${moment}`, count)
      events.emit('event', { survey, moment, count } satisfies SurveyEvent)
    }
    const mockServer = await startMockServer({
      responder: async (request) => {
        const survey = /Survey (\S+):/.exec(JSON.stringify(request.messages))?.[1] ?? ''
        emit(survey, 'model-asked')
        await delay(times.modelMs, undefined, { signal: request.signal })
        emit(survey, 'model-answered')
        return surveyResponder(request)
      },
    })
    const control = await startLocalServer(async ({ url }, response) => {
      const { pathname, searchParams } = new URL(url ?? '', 'http://control')
      const survey = searchParams.get('survey') ?? ''
      const call = `${pathname.slice(1)} ${searchParams.get('city')}`
      seen.set(`${survey} ${call}`, (seen.get(`${survey} ${call}`) ?? 0) + 1)
      emit(survey, 'tool-begun')
      await delay(times.toolMs)
      response.end(`${survey} ${call}`, () => emit(survey, 'tool-done'))
    })
    return new SurveySite(mockServer, control, events, seen)
  }

  private constructor(mockServer: MockServer, control: LocalServer, events: EventEmitter, seen: Map<string, number>) {
    this.mockServer = mockServer
    this.control = control
    this.#events = events
    this.#seen = seen
  }

  /** Number of events of a kind, or of calls such as `book Oslo`, in a survey. */
  count(survey: string, what: string): number {
    return this.#seen.get(`${survey} ${what}`) ?? 0
  }

  /** Resolves in the same turn of the event loop in which the event happens. */
  until(survey: string, moment: SurveyMoment, count: number): Promise<void> {
    return this.next((event) => event.survey === survey && event.moment === moment && event.count === count)
  }

  next(test: (event: SurveyEvent) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const listen = (event: SurveyEvent) => {
        if (!test(event)) return
        this.#events.off('event', listen)
        resolve()
      }
      this.#events.on('event', listen)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mockServer.close()
    await this.control[Symbol.asyncDispose]()
  }
}

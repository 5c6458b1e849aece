/** What the stand-in keeps of a request. Headers are not kept: one of them is the token. */
export interface RecordedRequest {
  readonly path: string
  /** The body, parsed; its text where it is no JSON; `undefined` where it did not arrive. */
  readonly body: unknown
  /**
   * `open`: not answered yet. `answered`: with a completion. `refused`: with an error. `abandoned`: the client went
   * away before the reply was written.
   */
  readonly outcome: 'open' | 'answered' | 'refused' | 'abandoned'
  /** HTTP status of the reply; absent while there is none. */
  readonly status?: number
  /** Names of the faults that hit it. */
  readonly faults?: readonly string[]
}

/** The same record while it is being written. */
export type Recording = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] }

/**
 * A model family's way to write tool calls and thinking as text.
 *
 * Servers should hand calls over in `tool_calls` and thinking apart from the content, but many leave both in the text,
 * in the markup that the model was trained with. The model brings its format along (`Model.textFormat`), so the router
 * itself knows no vendor's markup. Native calls and structured JSON need no format.
 */
export interface TextFormat {
  /** Takes a complete content apart. Never throws. Must run in linear time, because the content is untrusted. */
  read(content: string, schemaOf: SchemaOf): TextReading
  /** Reads thinking that came apart from the content, where a server's parser may have left calls. */
  readThinking(thinking: string, schemaOf: SchemaOf): TextReading
  /**
   * Starts to scan a content that arrives in pieces, for streaming.
   *
   * @param onAllThinking called if all text that was returned so far turns out to be thinking. Some models close their
   * thinking without having opened it.
   */
  scan(onAllThinking: () => void): TextScan
  /**
   * Whether a visible text calls a tool in another family's notation, which {@link read} does not know. Such a text is
   * answered with feedback: taken for an answer, the call would end the run.
   */
  holdsForeignCall(text: string, schemaOf: SchemaOf): boolean
  /**
   * Whether a value of a native call ends in closing tags of a call that it does not open. A server's parser then took the
   * end of the call for a part of the value.
   */
  endsInClosers(value: string): boolean
}

/** A scan of one content. Never throws; takes linear time in total, however the content is cut into pieces. */
export interface TextScan {
  /**
   * Takes the next piece. Returns the visible text that is certain by now, which may be empty. All returned texts joined
   * must be the beginning of the `text` that {@link TextFormat.read} gives for the whole content, except for blanks around
   * it and for what `onAllThinking` takes back.
   */
  push(piece: string): string
}

/** The input schema of a declared tool; `undefined` for any other name. Decides whether an ambiguous text is a call. */
export type SchemaOf = (tool: string) => object | undefined

/** A content, taken apart. */
export interface TextReading {
  /** The calls in it, in order. */
  readonly calls: readonly TextCall[]
  /** The visible text: the content without calls, thinking and leftover tags. */
  readonly text: string
  /** The content without calls but with its thinking: what is sent back to the server beside the calls. */
  readonly content: string
  /** The text that the places of calls and thinking count in: the content, with damaged tags restored. */
  readonly source: string
  /** The places of thinking in the source, in order. */
  readonly thinking: readonly Place[]
}

/** A part of a text, from `start` up to, not including, `end`. */
export interface Place {
  /** Index of its first character. */
  readonly start: number
  /** Index after its last character. */
  readonly end: number
}

/** A call that was written as text, with its place. */
export interface TextCall extends Place {
  /** The name of the tool; empty if it cannot be read. */
  readonly name: string
  /** The arguments; absent if there is a `refusal`. */
  readonly input?: unknown
  /** The reason why the call cannot be executed, as a clause for the model: "the call is not closed". */
  readonly refusal?: string
  /** Where the wrapper begins that this model family writes around calls; absent if the call is not in one. */
  readonly wrapperStart?: number | undefined
  /** The text of the call itself, if its place covers a wrapper as well. */
  readonly source?: string
  /** Whether visible text follows somewhere after the call. @defaultValue false */
  readonly isFollowed?: boolean
}

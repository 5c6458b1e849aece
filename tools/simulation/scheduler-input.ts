import type { EngineSettings } from './engine-settings.ts'
import type { ActiveImpairments } from './impairments.ts'
import type { Requests } from './requests.ts'
import type { StepTime } from './step-time.ts'

/** What a scheduler run needs besides the requests. */
export interface SchedulerInput {
  readonly requests: Requests
  readonly settings: EngineSettings
  readonly stepTime: StepTime
  readonly kvBlocks: number
  readonly sharedPrefixTokens: number
  readonly maxOutputTokens: number
  readonly clientTimeoutS: number
  readonly impairments: ActiveImpairments
  /** Absent where the model reads no images. */
  readonly imageMemory?: ImageMemory
  readonly hostMemory: HostMemory
  readonly endS: number
}

/** GPU memory that encoding images takes at run time, beyond what profiling made room for. */
export interface ImageMemory {
  readonly bytesPerToken: number
  readonly profiledTokens: number
  readonly slackBytes: number
  /** The engine's last message, when `bytes` are more than there is. */
  readonly message: (bytes: number) => string
}

/** Host memory fills with the KV of requests until the buffer is full, or the kernel kills the engine. */
export interface HostMemory {
  /** Tokens of finished requests from which on the limit is broken; infinity where there is room for all. */
  readonly tokensUntilKilled: number
  readonly reason: string
}

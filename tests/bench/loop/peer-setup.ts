import { z } from 'zod'

/** Input schema for all peers. They are set up as their guides say, with ten rounds, without retries and tracing. */
export const parameters = z.strictObject({ page: z.int().min(0), topic: z.string() })
export const apiKey = 'bench'

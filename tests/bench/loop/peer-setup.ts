import { z } from 'zod'

/** What the peers have in common: they are set up as their own guides do, with ten rounds, no retries and no tracing. */
export const parameters = z.strictObject({ page: z.int().min(0), topic: z.string() })
export const apiKey = 'bench'

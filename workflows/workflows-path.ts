import { fileURLToPath } from 'node:url'

/** The workflow file beside this one: TypeScript in the repository, JavaScript in the built package. */
export const workflowsPath = fileURLToPath(
  new URL(`./latency-workflow${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

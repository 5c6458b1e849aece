export { latencyWorkflow } from '../../../workflows/latency-workflow.ts'
export { oneActivityWorkflow } from '../../support/one-activity-workflow.ts'
export { largeArgumentWorkflow } from './large-argument-workflow.ts'

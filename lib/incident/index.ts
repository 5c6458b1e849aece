// The entry `tenrounds/incident`: the incident agent, its documents with their schemas, and the report.

// Ids of the built-in scenarios.
export { listScenarios } from '../../fixtures/load-scenario.ts'
// An incident of the user's own, from a folder of its files.
export { IncidentFolderError } from '../../tools/incident-folder/incident-document.ts'
export { type FolderIncident, openIncident } from '../../tools/incident-folder/open-incident.ts'
// The agent's answer and result.
export type { AgentResult, Answer, Attempt, Diagnosis, Evidence } from './agent/agent-result.ts'
export { agentResultSchema, answerSchema, diagnosisSchema } from './agent/agent-result.ts'
// The agent alone, for a caller with telemetry of its own.
export type { IncidentAgentInput, IncidentAgentOptions } from './agent/run-incident-agent.ts'
export { runIncidentAgent } from './agent/run-incident-agent.ts'
// The evaluation of a model, or of another agent, on incidents whose right answers are known.
export { type ArmName, armNames } from './evaluation/arms.ts'
export { type EvaluationOptions, type EvaluationProgress, type ExecuteRun, evaluate } from './evaluation/evaluate.ts'
export { renderEvaluationHtml } from './evaluation/evaluation-html.tsx'
export {
  type EvaluationDocument,
  EvaluationError,
  type EvaluationErrorCode,
  type EvaluationFigures,
  type EvaluationSettings,
  evaluationSchema,
  type Interval,
  type RunRecord,
  type RunScore,
  runRecordSchema,
} from './evaluation/evaluation-schema.ts'
export { renderEvaluationMarkdown } from './evaluation/evaluation-text.ts'
// The report alone, for a result that is already there, and a report that was written before.
export { renderHtml } from './report/html/render-html.tsx'
export { renderMarkdown } from './report/markdown.ts'
export { ReportError, type ReportErrorCode, readReport } from './report/read-report.ts'
export { generateReport, type Report } from './report/report.ts'
export type { ReportInput } from './report/report-facts.ts'
export { type ReportDocument, reportSchema, reportVersion } from './report/report-schema.ts'
// Everything in one call.
export type { IncidentOptions, IncidentOutcome } from './run-incident.ts'
export { collectTelemetry, runIncident } from './run-incident.ts'

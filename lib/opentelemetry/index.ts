export { attribute, operation } from './names.ts'
export { type OpenTelemetryOptions, openTelemetry } from './open-telemetry.ts'

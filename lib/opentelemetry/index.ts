export { attribute, type OpenTelemetryOptions, openTelemetry, operation } from './open-telemetry.ts'

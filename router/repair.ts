import { excerpt } from './clip.ts'
import { isSecretName, redacted } from './redact.ts'
import { shownValue } from './shown-value.ts'
import type { Repair, RepairKind } from './tool-call.ts'

const maxShownBytes = 200

/** The record of one deviation that was mended. A member whose name says that it is secret is masked as a whole. */
export function repair(kind: RepairKind, before: unknown, after: unknown, path = ''): Repair {
  if (path !== '' && path.split('/').some(isSecretName)) return { kind, path, before: redacted, after: redacted }
  return { kind, path, before: shown(before), after: shown(after) }
}

/** A value for an error message or a record: clipped and redacted. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? excerpt(value, maxShownBytes) : shownValue(value, maxShownBytes)
}

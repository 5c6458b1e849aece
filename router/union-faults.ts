import { toToken } from './json-pointer.ts'
import type { Fault } from './validator.ts'

const unions = new Set(['anyOf', 'oneOf'])

/**
 * The faults worth telling, the consequences of others left out.
 *
 * A validator reports every branch of a union. Told here is the branch that was meant: the one whose `const` members
 * the value has, else, of the branches for values of this type, the one with the fewest faults. Where no `const` fits,
 * it is the member that chooses the branch that is told, with all values that it may have.
 */
export function essentialFaults(faults: readonly Fault[]): readonly Fault[] {
  const told: Fault[] = []
  for (const fault of faults) {
    if (fault.keyword === 'if' || fault.keyword === 'propertyNames') {
      // The line of the whole adds nothing to the faults of its part, which stand before it.
      const parts = takeParts(told, fault, fault.keyword === 'if' ? parentOf(fault.schemaPath) : fault.schemaPath)
      for (const part of parts.length > 0 ? parts : [fault]) told.push(part)
    } else if (unions.has(fault.keyword)) {
      for (const part of chooseBranch(fault, takeParts(told, fault, fault.schemaPath))) told.push(part)
    } else told.push(fault)
  }
  return told
}

function parentOf(schemaPath: string): string {
  return schemaPath.slice(0, schemaPath.lastIndexOf('/'))
}

/** The faults directly before that belong to the parts of a schema and to the same value. */
function takeParts(told: Fault[], whole: Fault, schemaPath: string): readonly Fault[] {
  let first = told.length
  while (first > 0 && isWithin(told[first - 1], whole, schemaPath)) first--
  return told.splice(first)
}

function isWithin(fault: Fault | undefined, whole: Fault, schemaPath: string): boolean {
  if (fault === undefined || !fault.schemaPath.startsWith(`${schemaPath}/`)) return false
  return fault.instancePath === whole.instancePath || fault.instancePath.startsWith(`${whole.instancePath}/`)
}

function chooseBranch(whole: Fault, parts: readonly Fault[]): readonly Fault[] {
  const branches = new Map<string, Fault[]>()
  for (const part of parts) {
    const branch = part.schemaPath.slice(whole.schemaPath.length + 1).split('/', 1)[0] ?? ''
    const faults = branches.get(branch)
    if (faults === undefined) branches.set(branch, [part])
    else faults.push(part)
  }
  // oneOf with two branches that fit has no parts, or those of the others: the whole is what is wrong.
  if (branches.size === 0 || whole.params['passingSchemas']) return [whole]
  const choice = choiceOf(whole)
  if (choice !== undefined) {
    const { name, allowed, value } = choice
    const meant = branches.get(String(allowed.indexOf(value)))
    return meant ?? [wrongChoice(whole, name, allowed, value)]
  }
  const mismatch = (fault: Fault) => fault.keyword === 'type' && fault.instancePath === whole.instancePath
  const ofType = [...branches.values()].filter((faults) => !faults.some(mismatch))
  if (ofType.length === 0) return [wrongType(whole, parts.filter(mismatch))]
  const fewest = Math.min(...ofType.map((faults) => faults.length))
  return ofType.filter((faults) => faults.length === fewest).flat()
}

interface Choice {
  readonly name: string
  /** The value of the member in each branch. */
  readonly allowed: readonly unknown[]
  readonly value: unknown
}

/** The member that chooses the branch: one that has a `const` of its own in every branch. */
function choiceOf({ schema, data }: Fault): Choice | undefined {
  if (!Array.isArray(schema) || typeof data !== 'object' || data === null || Array.isArray(data)) return undefined
  const [first] = schema
  for (const name of Object.keys(first?.properties ?? {})) {
    const members: unknown[] = schema.map((branch) => branch?.properties?.[name])
    const allowed = members.flatMap((member) =>
      typeof member === 'object' && member !== null && 'const' in member ? [member.const] : [],
    )
    if (allowed.length === schema.length && new Set(allowed).size === schema.length) {
      return { name, allowed, value: Object.hasOwn(data, name) ? Reflect.get(data, name) : undefined }
    }
  }
  return undefined
}

function wrongChoice(whole: Fault, name: string, allowedValues: readonly unknown[], value: unknown): Fault {
  const instancePath = `${whole.instancePath}/${toToken(name)}`
  return { ...whole, instancePath, keyword: 'enum', params: { allowedValues }, data: value }
}

function wrongType(whole: Fault, mismatches: readonly Fault[]): Fault {
  const type = [...new Set(mismatches.flatMap(({ params }) => params['type']))]
  return { ...whole, keyword: 'type', params: { type } }
}

import { isObject } from '../json.ts'
import { toToken } from '../json-pointer.ts'
import type { Fault } from '../validator.ts'
import { Branches, type Told } from './union-branches.ts'
import type { Choice } from './union-choice.ts'

/**
 * The faults worth telling, the consequences of others left out.
 *
 * A validator reports every branch of a union. Told here is the branch that was meant: the one that a member of the
 * value chooses, else, of the branches for values of this type, the one with the fewest faults. Where the member fits
 * no branch, it is told, with all values that it may have. Where nothing says which branch was meant, one fault holds
 * them all as its `alternatives`.
 *
 * @param root the schema, for references that Ajv does not dissolve: those to schemas that have references themselves.
 */
export function essentialFaults(faults: readonly Fault[], root?: unknown): readonly Fault[] {
  // Most schemas have no unions, and there may be a hundred thousand faults.
  if (!faults.some(({ keyword }) => hasParts.has(keyword))) return faults
  const branches = new Branches(root)
  const told: Told[] = []
  for (const fault of faults) for (const one of essence(fault, told, branches)) told.push(one)
  return told.map(({ fault }) => fault)
}

/** Keywords whose fault comes behind those of what they apply. */
const hasParts: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'if', 'propertyNames', 'contains'])

/** What is told of a fault; the faults before it that are parts of it are taken out of the list. */
function essence(whole: Fault, told: Told[], branches: Branches): readonly Told[] {
  const itself: Told = { fault: whole, origin: whole }
  const { schema, parentSchema } = whole
  switch (whole.keyword) {
    case 'anyOf':
    case 'oneOf':
      if (!Array.isArray(schema)) return [itself]
      return chooseBranch(itself, branches.take(told, whole, schema), branches, schema)
    case 'if':
      return partsOr(itself, branches.take(told, whole, [parentSchema?.['then'], parentSchema?.['else']]))
    case 'propertyNames':
      return partsOr(itself, branches.take(told, whole, [schema]))
    case 'contains':
      // That no item fits is one fault, not as many as there are items.
      branches.take(told, whole, [{ items: schema }])
      return [itself]
    default:
      return [itself]
  }
}

type Parts = ReadonlyMap<number, readonly Told[]>

/** The line of the whole adds nothing to the faults of its part. */
function partsOr(whole: Told, parts: Parts): readonly Told[] {
  return parts.size === 0 ? [whole] : [...parts.values()].flat()
}

function chooseBranch(whole: Told, parts: Parts, branches: Branches, schemas: readonly unknown[]): readonly Told[] {
  const { instancePath, params } = whole.fault
  // oneOf with two branches that fit has no parts, or those of the others: the whole is what is wrong.
  if (parts.size === 0 || params['passingSchemas']) return [whole]
  const chosen = byMember(whole, parts, branches.choiceOf(schemas))
  if (chosen !== undefined) return chosen
  const all = [...parts.values()]
  const isMismatch = ({ fault }: Told) => fault.keyword === 'type' && fault.instancePath === instancePath
  const ofType = all.filter((faults) => !faults.some(isMismatch))
  if (ofType.length === 0) return [wrongType(whole, all.flat().filter(isMismatch))]
  const literal = sharedLiteral(whole, ofType)
  if (literal !== undefined) return [literal]
  const isMissing = ({ fault }: Told) => fault.keyword === 'required' && fault.instancePath === instancePath
  if (ofType.every((faults) => faults.every(isMissing))) return alternatives(whole, ofType)
  const open = ofType.filter(
    (faults) => !faults.some(({ fault }) => fault.keyword === 'const' && isMember(fault, whole)),
  )
  const meant = open.length > 0 ? open : ofType
  const fewest = Math.min(...meant.map((faults) => faults.length))
  return alternatives(
    whole,
    meant.filter((faults) => faults.length === fewest),
  )
}

/** The branch that a member of the value chooses, or, where the member fits none, the fault that this is. */
function byMember(whole: Told, parts: Parts, choice: Choice | undefined): readonly Told[] | undefined {
  const { data, instancePath } = whole.fault
  if (choice === undefined || !isObject(data)) return undefined
  const { name, allowed } = choice
  const value = Object.hasOwn(data, name) ? data[name] : undefined
  const index = allowed.findIndex((values) => values.includes(value))
  if (index !== -1) return parts.get(index) ?? [whole]
  const isAsked = ({ fault }: Told) => fault.keyword === 'required' && fault.params['missingProperty'] === name
  if (value === undefined && ![...parts.values()].flat().some(isAsked)) return undefined
  return [wrongValue(whole, `${instancePath}/${toToken(name)}`, allowed.flat(), value)]
}

/** The value, or a member of it, for which each branch has a list of its own: together they are one. */
function sharedLiteral(whole: Told, branches: readonly (readonly Told[])[]): Told | undefined {
  if (branches.length < 2) return undefined
  const isLiteral = ({ keyword }: Fault) => keyword === 'const' || keyword === 'enum'
  for (const { fault } of branches[0] ?? []) {
    const path = fault.instancePath
    if (!isLiteral(fault) || !(path === whole.fault.instancePath || isMember(fault, whole))) continue
    const each = branches.map((faults) => faults.find((one) => one.fault.instancePath === path && isLiteral(one.fault)))
    if (each.includes(undefined)) continue
    const allowed = each.flatMap((one) => one?.fault.params['allowedValues'] ?? [one?.fault.params['allowedValue']])
    return wrongValue(whole, path, [...new Set(allowed)], fault.data)
  }
  return undefined
}

function isMember({ instancePath }: Fault, whole: Told): boolean {
  return instancePath.lastIndexOf('/') === whole.fault.instancePath.length
}

function wrongValue(whole: Told, instancePath: string, allowedValues: readonly unknown[], data: unknown): Told {
  return { ...whole, fault: { ...whole.fault, instancePath, keyword: 'enum', params: { allowedValues }, data } }
}

function wrongType(whole: Told, mismatches: readonly Told[]): Told {
  const type = [...new Set(mismatches.flatMap(({ fault }) => fault.params['type']))]
  return { ...whole, fault: { ...whole.fault, keyword: 'type', params: { type } } }
}

function alternatives(whole: Told, branches: readonly (readonly Told[])[]): readonly Told[] {
  const [first = [], ...others] = branches
  if (others.length === 0) return first
  const each = branches.map((faults) => faults.map(({ fault }) => fault))
  return [{ ...whole, fault: { ...whole.fault, params: { alternatives: each } } }]
}

import type { CostCell, FaultCell } from './cells.ts'
import type { ContenderName } from './contender.ts'
import type { CostFigures } from './cost.ts'
import type { FaultFigures } from './faults.ts'

/** One cell of the table, as it is stored: a line of JSON. */
export type Measurement = { readonly contender: ContenderName } & (
  | { readonly kind: 'cost'; readonly cell: CostCell; readonly figures: CostFigures }
  | { readonly kind: 'fault'; readonly cell: FaultCell; readonly figures: FaultFigures }
)

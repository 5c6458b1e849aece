import { env } from 'node:process'

/**
 * How many cases a property is tried with. Continuous integration sets `TENROUNDS_CASES` to 100000; without it a
 * property takes a few seconds.
 */
export function numberOfCases(usual: number): number {
  const wanted = Number(env['TENROUNDS_CASES'])
  return Number.isInteger(wanted) && wanted > 0 ? wanted : usual
}

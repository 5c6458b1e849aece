/** The V1 engine, which the simulation models, is the default since this version. */
export const firstVersionOnV1 = '0.8.0'

/** Compares dotted versions by their numeric parts: negative, zero or positive. A missing part counts as 0. */
export function compareVersions(left: string, right: string): number {
  const a = parts(left)
  const b = parts(right)
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** The minor version: `0.20` of `0.20.1`. */
export function minorOf(version: string): string {
  return parts(version).slice(0, 2).join('.')
}

/** Numeric parts of a version, without prefixes such as `v` and suffixes such as `rc1`. */
function parts(version: string): number[] {
  return (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number)
}

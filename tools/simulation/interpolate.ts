/**
 * Linear interpolation between points; after the last point it continues the last segment.
 *
 * @param xs at least two ascending positions.
 * @param ys one value for each position.
 */
export function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  let right = xs.findIndex((value) => value >= x)
  if (right === -1) right = xs.length - 1
  if (right === 0) right = 1
  const x0 = xs[right - 1] ?? 0
  const x1 = xs[right] ?? 1
  const y0 = ys[right - 1] ?? 0
  const y1 = ys[right] ?? 0
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0)
}

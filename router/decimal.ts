/** The form of JSON's numbers, with the parts that make a decimal. */
const written = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Whether two texts write the same decimal, digit for digit: `1.50` and `15e-1`. False where one is no JSON number. */
export function isSameDecimal(one: string, other: string): boolean {
  const decimal = normalForm(one)
  return decimal !== undefined && decimal === normalForm(other)
}

/** The digits without zeros around them, and the power of ten of the last one. */
function normalForm(text: string): string | undefined {
  const match = written.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  const first = firstOtherThanZero(digits)
  if (first === digits.length) return '0'
  const end = endOfSignificant(digits)
  const power = Number(exponent) - fraction.length + digits.length - end
  return Number.isSafeInteger(power) ? `${sign}${digits.slice(first, end)}e${power}` : undefined
}

function firstOtherThanZero(digits: string): number {
  let first = 0
  while (digits[first] === '0') first++
  return first
}

function endOfSignificant(digits: string): number {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return end
}

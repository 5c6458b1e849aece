/** Numbers from 0 to 1, the same ones in every run of the tests. */
export function seededNumber(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    // Mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Texts that hardly compress, the same ones in every run of the tests. */
export function seededText(seed: number): (length: number) => string {
  const random = seededNumber(seed)
  return (length) => {
    let text = ''
    while (text.length < length) text += random().toString(36).slice(2)
    return text.slice(0, length)
  }
}

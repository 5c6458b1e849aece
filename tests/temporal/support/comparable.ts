/** A report without what differs between two runs: their ids, and how long things took. */
export function comparable(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    /^(run_id|notice|(duration|elapsed)_ms)$/.test(key) ? undefined : value,
  )
}

/** A report without the fields that differ between two runs: ids, notices and durations. */
export function comparable(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    /^(run_id|notice|(duration|elapsed)_ms)$/.test(key) ? undefined : value,
  )
}

/** A report without the fields that differ between two runs: ids, notices, durations and takeovers. */
export function comparable(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    /^(run_id|notice|resumed|attempt|(duration|elapsed|start|end|model)_ms)$/.test(key) ? undefined : value,
  )
}

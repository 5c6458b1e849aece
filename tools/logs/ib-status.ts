/** Meanings of work completion statuses (`enum ibv_wc_status`), by number. */
const meanings: { readonly [status: number]: string } = {
  1: 'local length error',
  2: 'local queue pair operation error',
  4: 'local protection error',
  5: 'flushed: another error came before',
  8: 'local access error',
  9: 'the remote side refused the request',
  10: 'remote access error',
  11: 'remote operation error',
  12: 'retries exceeded: link, peer, routing or GID',
  13: 'retries exceeded: the receiver was not ready',
  19: 'fatal error',
  20: 'response timeout',
}

/** What the status in a line of NCCL's InfiniBand transport means; opcode and length mean nothing after an error. */
export function ibStatusDetail(text: string): string | undefined {
  const found = /NET\/IB.*?(?:with error (\d+)|status=(?:\w+\((\d+)\)|(\d+)))/.exec(text)
  const status = Number(found?.[1] ?? found?.[2] ?? found?.[3] ?? 0)
  const meaning = meanings[status]
  return meaning === undefined ? undefined : `InfiniBand status ${status}: ${meaning}.`
}

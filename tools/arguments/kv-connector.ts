import { isObject, parseJson } from '../../router/json/json.ts'

/**
 * Whether `kv_transfer_config` makes an engine the decode engine of a pair that NIXL connects. Other connectors, and the
 * prefill engine of a pair, are not simulated.
 */
export function readsRemoteKv(text: string): boolean {
  const config = parseJson(text)
  if (!isObject(config) || config['kv_connector'] !== 'NixlConnector') return false
  return config['kv_role'] === 'kv_consumer' || config['kv_role'] === 'kv_both'
}

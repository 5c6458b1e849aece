import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkNamespace, connectTo, temporalSettings } from '../../workflows/connection.ts'

/** Hides the configuration file of the person who runs the tests. */
const nowhere = { TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml' }

test('the defaults are those of a local development server, and the environment overrides them', async () => {
  expect(await temporalSettings({ env: nowhere })).toEqual({
    connection: { address: '127.0.0.1:7233' },
    namespace: 'default',
    taskQueue: 'tenrounds',
  })
  const env = {
    ...nowhere,
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'incidents',
    TEMPORAL_TASK_QUEUE: 'night',
  }
  expect(await temporalSettings({ env })).toEqual({
    connection: { address: 'temporal.example:7233' },
    namespace: 'incidents',
    taskQueue: 'night',
  })
})

test('options override the environment', async () => {
  const env = { ...nowhere, TEMPORAL_ADDRESS: 'a:1', TEMPORAL_NAMESPACE: 'b', TEMPORAL_TASK_QUEUE: 'c' }
  const given = { address: 'd:2', namespace: 'e', taskQueue: 'f' }
  expect(await temporalSettings({ ...given, env })).toEqual({
    connection: { address: 'd:2' },
    namespace: 'e',
    taskQueue: 'f',
  })
})

test('an empty variable counts as not set', async () => {
  const env = {
    ...nowhere,
    TEMPORAL_ADDRESS: '',
    TEMPORAL_NAMESPACE: '',
    TEMPORAL_API_KEY: '',
    TEMPORAL_TASK_QUEUE: '',
  }
  expect(await temporalSettings({ env })).toEqual(await temporalSettings({ env: nowhere }))
})

test('an API key turns TLS on, as Temporal Cloud requires', async () => {
  const env = { ...nowhere, TEMPORAL_ADDRESS: 'eu-west-1.aws.api.temporal.io:7233', TEMPORAL_API_KEY: 'key' }
  expect((await temporalSettings({ env })).connection).toMatchObject({ apiKey: 'key', tls: true })
})

test('certificates and headers come from the environment', async () => {
  const env = {
    ...nowhere,
    TEMPORAL_TLS_CLIENT_CERT_DATA: 'certificate',
    TEMPORAL_TLS_CLIENT_KEY_DATA: 'key',
    TEMPORAL_TLS_SERVER_NAME: 'inner.example',
    TEMPORAL_GRPC_META_TEAM: 'night',
  }
  expect((await temporalSettings({ env })).connection).toMatchObject({
    tls: {
      serverNameOverride: 'inner.example',
      clientCertPair: { crt: expect.anything(), key: expect.anything() },
    },
    metadata: { team: 'night' },
  })
})

test('a profile of the configuration file is used, and the environment overrides it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenrounds-profile-'))
  try {
    const file = join(folder, 'temporal.toml')
    await writeFile(file, '[profile.night]\naddress = "night.example:7233"\nnamespace = "night"\n')
    const env = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'night' }
    expect(await temporalSettings({ env })).toMatchObject({
      connection: { address: 'night.example:7233' },
      namespace: 'night',
    })
    expect((await temporalSettings({ env: { ...env, TEMPORAL_NAMESPACE: 'day' } })).namespace).toBe('day')
    await expect(temporalSettings({ env: { ...env, TEMPORAL_PROFILE: 'noon' } })).rejects.toThrow(
      /'noon'.*TEMPORAL_PROFILE/,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('the error for a server that does not answer names its address and the variable to set', async () => {
  const refused = connectTo({ address: '127.0.0.1:1' }, () => Promise.reject(new Error('connection refused')))
  await expect(refused).rejects.toThrow(/127\.0\.0\.1:1 \(connection refused\).*TEMPORAL_ADDRESS/)
})

test('the error for an unknown namespace names it, the server and the variable to set', async () => {
  const service = { describeNamespace: () => Promise.reject(new Error('Namespace night is not found.')) }
  const checked = checkNamespace(service, await temporalSettings({ namespace: 'night', env: nowhere }))
  await expect(checked).rejects.toThrow(
    /"night".*127\.0\.0\.1:7233 \(Namespace night is not found\).*TEMPORAL_NAMESPACE/,
  )
})

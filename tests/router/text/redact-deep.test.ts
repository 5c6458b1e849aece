import { expect, test } from 'vitest'
import { isSecretName } from '../../../router/text/named-secrets.ts'
import { redactDeep } from '../../../router/text/redact.ts'

test('a member with a secret name is masked with everything below it', () => {
  expect(
    redactDeep({
      password: ['a', ['b c']],
      nested: [{ apiKey: 'x', api_key: 12345678 }],
      credentials: { value: 'v', isSet: true, none: null, empty: '' },
      tokens: 5,
      token: 7,
      note: 'fine',
    }),
  ).toEqual({
    password: ['[redacted]', ['[redacted]']],
    nested: [{ apiKey: '[redacted]', api_key: '[redacted]' }],
    credentials: { value: '[redacted]', isSet: true, none: null, empty: '' },
    tokens: 5,
    token: 7,
    note: 'fine',
  })
})

test('a value is masked when its row or the option before it has a secret name', () => {
  expect(
    redactDeep({
      env: [
        { name: 'HF_TOKEN', value: 'x' },
        { name: 'PORT', value: 'x' },
      ],
      diff: [{ op: 'replace', path: '/env/API_KEY', from: 'x', value: 'y' }],
      args: ['serve', '--api-key', 'x', '--password', '--port', '80'],
      'sk-0123456789abcdef': 1,
    }),
  ).toEqual({
    env: [
      { name: 'HF_TOKEN', value: '[redacted]' },
      { name: 'PORT', value: 'x' },
    ],
    diff: [{ op: 'replace', path: '/env/API_KEY', from: '[redacted]', value: '[redacted]' }],
    args: ['serve', '--api-key', '[redacted]', '--password', '--port', '80'],
    '[redacted]': 1,
  })
})

test('names of secrets differ from names of counts and of model tokens', () => {
  const secrets = [
    'HF_TOKEN',
    'hfToken',
    'accessToken',
    'authtoken',
    'token',
    '--api-key',
    'X-Auth-Token',
    'Set-Cookie',
  ]
  expect(secrets.filter((name) => !isSecretName(name))).toEqual([])
  const others = [
    'max_tokens',
    'time_to_first_token',
    'time_per_output_token',
    'eos_token',
    'padToken',
    'nextPageToken',
  ]
  expect([...others, 'tokenizer', 'secretary', 'next_token'].filter(isSecretName)).toEqual([])
})

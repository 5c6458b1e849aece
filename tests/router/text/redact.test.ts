import { expect, test } from 'vitest'
import { redact } from '../../../router/text/redact.ts'
import { expectLinearTime } from '../support/linear-time.ts'

test.each([
  ['Authorization: Bearer abcdef123456', 'abcdef123456'],
  ['Authorization: Token abcdef', 'abcdef'],
  ['Authorization: ApiKey X1', 'X1'],
  ['Authorization: Unheard Zx9QabK3mPq7', 'Zx9Q'],
  ['authorization=abcdef', 'abcdef'],
  ["curl -H 'X-Api-Key: abcdef' http://host", 'abcdef'],
  ['Authorization: Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
  ['a line\\nBearer abcdef123456', 'abcdef123456'],
  ['Cookie: a=1; session=abcdef', 'abcdef'],
  ['Set-Cookie: sid=abcdef; Path=/', 'abcdef'],
])('in the header %j the credential is masked', (text, secret) => {
  expect(redact(text)).not.toContain(secret)
  expect(redact(text)).toContain('[redacted]')
})

test.each([
  ['{"password": "correct horse battery"}', 'horse'],
  ["{'client_secret': 'correct horse'}", 'horse'],
  ['{password: "correct horse battery"}', 'horse'],
  ["{password: 'abc'}", 'abc'],
  ["password=b'correct horse'", 'horse'],
  ['{"a":"{\\"api_key\\": \\"correct horse\\"}"}', 'horse'],
  ['{"a":"{\\"password\\": \\"it\'s secret\\"}"}', 'secret\\'],
  ['"{\\"a\\":\\"{\\\\\\"password\\\\\\": \\\\\\"a \\\\\\\\\\\\\\"horse\\\\\\"}\\"}"', 'horse'],
  ['{"password":"a\\"horse"}', 'horse'],
  ['{"password":"a horse that was cut o', 'horse'],
  ['ANTHROPIC_AUTH_TOKEN=abcdef', 'abcdef'],
  ['HF_TOKEN=abcdef', 'abcdef'],
  ['GITHUB_TOKEN=abcdef', 'abcdef'],
  ['VAULT_TOKEN=hvs.abcdef', 'abcdef'],
  ['{"hf_token":"abcdef"}', 'abcdef'],
  ['gitlabToken: abcdef', 'abcdef'],
  ['{"token":"abcdef1234567890"}', 'abcdef'],
  ['disk is full (token=abcdef1234567890).', 'abcdef'],
  ['{"name":"HF_TOKEN","value":"abcdef"}', 'abcdef'],
  ['- name: HF_TOKEN\n  value: abcdef', 'abcdef'],
  ['{"api_key":12345678}', '12345678'],
  ['{"api_key":["abc","horse"]}', 'horse'],
  ["Namespace(api_key=['horse'], port=80)", 'horse'],
  ['{"credentials":{"user":{"value":"horse"}}}', 'horse'],
  ['"credentials": {\n  "value": "horse"\n}', 'horse'],
  ['{"credentials":["horse","a long one that was cu', 'that'],
  ['<parameter name="password">hunter2</parameter>', 'hunter2'],
  ['<parameter name=\\"password\\">hunter2</parameter>', 'hunter2'],
  ['<password>hunter2</password>', 'hunter2'],
  [']<]minimax[>[<password>hunter2]<]minimax[>[</password>', 'hunter2'],
])('in %j the value of a secret name is masked', (text, secret) => {
  expect(redact(text)).not.toContain(secret)
  expect(redact(text)).toContain('[redacted]')
})

test.each([
  ['vllm serve m --api-key Zx9Qw1', 'Zx9Qw1'],
  ['vllm serve m --api-key=Zx9Qw1 --port 80', 'Zx9Qw1'],
  ['["--api-key","Zx9Qw1"]', 'Zx9Qw1'],
  ['"[\\"--api-key\\", \\"Zx9Qw1\\"]"', 'Zx9Qw1'],
  ['args:\n  - --api-key\n  - Zx9Qw1', 'Zx9Qw1'],
  ['--hf-token abcdef', 'abcdef'],
  ['--password "correct horse"', 'horse'],
])('on the command line %j the secret is masked', (text, secret) => {
  expect(redact(text)).not.toContain(secret)
  expect(redact(text)).toContain('[redacted]')
})

const random = 'Zx9QabK3mPq7'

test.each([
  ...[
    'sk-cp-',
    'sk-',
    'pk-',
    'rk-',
    'hf_',
    'nvapi-',
    'sk_live_',
    'rk_test_',
    'ghp_',
    'github_pat_',
    'xoxb-',
    'glpat-',
    'eyJ',
  ],
  'AIzaSyA0123456789',
  'a line\\nsk-',
  'a line\\nhf_',
])('a key that begins with %s is masked', (prefix) => {
  expect(redact(`the key ${prefix}${random} of`)).not.toContain(random)
})

test.each([
  'AKIAIOSFODNN7EXAMPLE',
  'ASIAABCDEFGHIJ234567',
  `npm_${random.repeat(3)}`,
  `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n${random}\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\\n${random}\\n-----END PRIVATE KEY-----`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${random}\n${random}`,
])('the key %j is masked as a whole', (key) => {
  expect(redact(`before ${key}`)).toBe('before [redacted]')
  expect(redact(`PRIVATE_KEY=${key}`)).toBe('PRIVATE_KEY=[redacted]')
})

test.each([
  ['postgres://user:hunter22@host/db', 'postgres://[redacted]@host/db'],
  ['postgres://user:pw/x@host/db', 'postgres://[redacted]@host/db'],
  ['postgres://user:pa@SECRET@host/db', 'postgres://[redacted]@host/db'],
  ['redis://:hunter2@host', 'redis://[redacted]@host'],
  [`https://${random}@github.com/a/b`, 'https://[redacted]@github.com/a/b'],
  ['http://u:p@h1/a,http://u:p@h2/b', 'http://[redacted]@h1/a,http://[redacted]@h2/b'],
])('the credentials of %s are masked', (text, shown) => {
  expect(redact(text)).toBe(shown)
})

test('a list or an object of secrets is masked as a whole, and nothing after it', () => {
  expect(redact('{"credentials":{"user":"]ho}rse","on":true,"n":[7]},"port":80}')).toBe(
    '{"credentials":[redacted],"port":80}',
  )
  expect(redact('credentials: [horse, cut o')).toBe('credentials: [redacted]')
})

test('masking takes linear time for any repeated part', () => {
  for (const part of [
    ...[
      'password="',
      'password=\\"',
      "password='",
      'password:[',
      'password:[\n',
      'password:{"a":"',
      '"credentials": {"a":1,',
    ],
    ...[
      'token=',
      'token="',
      'token="a" ',
      'token:a',
      'token=a.',
      'token=\\\\\\"token=\\"',
      'token: aaaaaaa1 ',
      'api key',
    ],
    ...[
      '--api-key ',
      '--api-key a ',
      '--api-key,',
      '"--api-key","',
      'password value',
      'password,value:',
      '\\"password\\":\\"',
    ],
    ...[
      '<password>',
      '="password">',
      '="password">\n',
      'authorization: ',
      'authorization:a =',
      'authorization: token ',
    ],
    ...[
      'cookie: ',
      'cookie:',
      'cookie: a=',
      'cookie: a=\n',
      '-----BEGIN PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY',
      '-----',
    ],
    ...['://', '://a:', '://a:1/', '://a:@', '@', 'hf_', '\\nhf_'],
    ...[
      'eyJ',
      'eyJaaaaaaaaa.',
      'sk-aaaa',
      'sk_live_',
      'AIza',
      'ASIA',
      'Basic a',
      'Basic aaaa ',
      'Bearer aaaaaa-aaaaaa ',
      'bearer  ',
    ],
  ]) {
    expectLinearTime(part, redact)
  }
}, 120_000)

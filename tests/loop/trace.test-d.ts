import { expectTypeOf, test } from 'vitest'
import type { ModelErrorCode } from '../../lib/loop/errors.ts'
import type { UsageRecord } from '../../lib/loop/model.ts'
import type { TraceEntry } from '../../lib/loop/trace.ts'
import type { ToolErrorKind } from '../../router/tool-call.ts'

type Entry<Type extends string> = Extract<TraceEntry, { readonly type: Type }>

test('a trace entry has the fields of its type, with snake_case names', () => {
  expectTypeOf<Entry<'reply'>['usage']>().toEqualTypeOf<UsageRecord>()
  expectTypeOf<Entry<'reply'>['response_id']>().toEqualTypeOf<string | undefined>()
  expectTypeOf<Entry<'tool-end'>['error_kind']>().toEqualTypeOf<ToolErrorKind | undefined>()
  expectTypeOf<Entry<'retry'>['code']>().toEqualTypeOf<ModelErrorCode>()
  expectTypeOf<Entry<'reply-failed'>['duration_ms']>().toEqualTypeOf<number>()
  expectTypeOf<TraceEntry['elapsed_ms']>().toEqualTypeOf<number>()
  expectTypeOf<Entry<'run-start'>>().toBeNever()
})

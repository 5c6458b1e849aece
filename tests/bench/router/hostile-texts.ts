/** A text that is made to be slow to read: `unit` again and again, between a beginning and an end. */
export interface HostileText {
  readonly name: string
  /** The text of the reply, or the arguments of one native call. */
  readonly place: 'content' | 'arguments'
  readonly head?: string
  readonly unit: string
  readonly tail?: string
}

const namedCall = '{"name":"record_sample","input":{"host":"a","gpu":1,"utilisation":0,"level":"info"}}\n'
/** Without it, no JSON in a text is looked at for calls. */
const requestKey = '"name": '
const markupToken = ']<]minimax[>['

export const hostileTexts: readonly HostileText[] = [
  { name: 'prose', place: 'content', unit: 'All is well here. ' },
  { name: 'opening braces', place: 'content', head: requestKey, unit: '{' },
  { name: 'opening brackets and braces', place: 'content', head: requestKey, unit: '[{' },
  { name: 'braces that open strings', place: 'content', head: requestKey, unit: '{"' },
  { name: 'backslashes in a string', place: 'content', head: '{"a":"', unit: '\\' },
  { name: 'escaped quotes', place: 'content', head: '{"a":"', unit: '\\"' },
  { name: 'small objects that are not JSON', place: 'content', head: requestKey, unit: '{a}' },
  { name: 'one object that breaks at its end', place: 'content', head: '{"name":[', unit: '{"b":1},', tail: '!]}' },
  { name: 'requests that are never closed', place: 'content', unit: '{"tool_calls":[{"name":"' },
  { name: 'valid bare requests', place: 'content', unit: namedCall },
  { name: 'fences', place: 'content', unit: '```json\n' },
  { name: 'thoughts that open', place: 'content', unit: '<think>' },
  { name: 'thoughts that close', place: 'content', unit: '</think>' },
  { name: 'thoughts', place: 'content', unit: '<think></think>' },
  { name: 'M2 wrappers that open', place: 'content', unit: '<minimax:tool_call>' },
  { name: 'M2 invokes that open', place: 'content', unit: '<invoke name="record_sample">' },
  {
    name: 'M2 parameters that open',
    place: 'content',
    head: '<minimax:tool_call><invoke name="record_sample">',
    unit: '<parameter name="host">',
  },
  {
    name: 'M2 closing tags inside a value',
    place: 'content',
    head: '<minimax:tool_call><invoke name="record_sample"><parameter name="host">',
    unit: '</parameter>x',
  },
  {
    name: 'M2 parameters with names of their own',
    place: 'content',
    head: '<minimax:tool_call><invoke name="record_sample">',
    unit: '<parameter name="p#">1</parameter>',
    tail: '</invoke></minimax:tool_call>',
  },
  {
    name: 'M2 spaces in a tag',
    place: 'content',
    head: '<invoke name="record_sample"><parameter name="host"',
    unit: ' ',
  },
  {
    name: 'M2 spaces between parameters',
    place: 'content',
    head: '<invoke name="record_sample"><parameter name="host">a</parameter>',
    unit: ' </parameter>',
  },
  { name: 'M2 without brackets', place: 'content', unit: 'invoke name="record_sample">\nparameter name="host">a\n' },
  {
    name: 'valid M2 calls',
    place: 'content',
    unit: '<minimax:tool_call><invoke name="record_sample"><parameter name="gpu">1</parameter></invoke></minimax:tool_call>\n',
  },
  { name: 'M3 tokens', place: 'content', unit: markupToken },
  { name: 'M3 elements that open', place: 'content', unit: `${markupToken}<a>` },
  {
    name: 'M3 elements that open inside a call',
    place: 'content',
    head: `${markupToken}<tool_call>${markupToken}<invoke name="record_sample">`,
    unit: `${markupToken}<labels>${markupToken}<item>`,
  },
  {
    name: 'M3 texts between siblings',
    place: 'content',
    head: `${markupToken}<tool_call>${markupToken}<invoke name="record_sample">${markupToken}<labels>`,
    unit: `${markupToken}<item>a${markupToken}</item>`,
  },
  { name: 'M3 spaces in a tag', place: 'content', head: `${markupToken}<invoke name`, unit: ' ' },
  { name: 'TOOL_CALL blocks that open', place: 'content', unit: '[TOOL_CALL]{' },
  { name: 'TOOL_CALL blocks with arrows', place: 'content', unit: '[TOOL_CALL]{tool => "record_sample", args => {\n' },
  {
    name: 'TOOL_CALL members',
    place: 'content',
    head: '[TOOL_CALL]{tool => "record_sample", args => {\n',
    unit: '--a "1"\n',
  },
  { name: 'special tokens', place: 'content', unit: ']~b]ai' },
  { name: 'NUL and lone surrogates', place: 'content', head: requestKey, unit: '\u0000\ud800{' },
  { name: 'braces', place: 'arguments', unit: '{' },
  { name: 'nesting', place: 'arguments', unit: '{"a":' },
  { name: 'nesting of arrays', place: 'arguments', head: '{"a":', unit: '[' },
  { name: 'unquoted keys', place: 'arguments', head: '{', unit: 'a#: 1, ' },
  { name: 'members without commas', place: 'arguments', head: '{', unit: '"a#":1 ' },
  { name: 'Python', place: 'arguments', head: "{'a': [", unit: "True, None, 'x', ", tail: ']}' },
  { name: 'quotes', place: 'arguments', head: '{"a":"', unit: '" ', tail: '"}' },
  { name: 'backslashes', place: 'arguments', head: '{"a":"', unit: '\\' },
  { name: 'comments that open', place: 'arguments', head: '{', unit: '/* ' },
  { name: 'a long string, twice encoded', place: 'arguments', head: '"{\\"a\\":\\"', unit: '\\\\\\"', tail: '\\"}"' },
  { name: 'many valid members', place: 'arguments', head: '{"z":0', unit: ',"a#":1', tail: '}' },
  { name: '__proto__ members', place: 'arguments', head: '{"z":0', unit: ',"__proto__":1', tail: '}' },
]

/** The text at about so many bytes; `#` in the unit counts up, so that names differ. */
export function textOf({ head = '', unit, tail = '' }: HostileText, bytes: number): string {
  const room = bytes - head.length - tail.length
  if (!unit.includes('#')) return head + unit.repeat(Math.floor(room / unit.length)) + tail
  const units: string[] = []
  for (let length = 0, index = 0; length < room; index++) {
    const numbered = unit.replace('#', String(index))
    units.push(numbered)
    length += numbered.length
  }
  return head + units.join('') + tail
}

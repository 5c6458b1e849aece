/** Tokens that the reader gives a meaning to: repeated without end, they are what a reply can do at worst. */
// biome-ignore format: one family of tokens a line
export const repeated: readonly string[] = [
  '{', '[', '}', '{"', '["', '"', '\\', '{"\\', '{"a":', '{"a":[', '[1,', '[[],', '{"a":1}', '{"a":"', '{"{"', '"{"\\"', '[{"":""}',
  "'", "{'", "{'a':", ':', ',', '`', '```', '```json\n{', ' ', '\n', '\r\n', '\t', '\u0000', '\ud800', '🌍', '.',
  '<', '>', '</', '<think>', '</think>', '<think></think>', '<mm:think>', 'think>', '<think>{"a":',
  '<minimax:tool_call>', '</minimax:tool_call>', '<minimax:tool_call></minimax:tool_call>', '<minimax:tool_call>{',
  '<invoke name="ping">', '</invoke>', '<invoke name="ping"></invoke>', '<invoke name="ping"/>', '<invoke ', '<invoke name=', '<invoke name="',
  '<invoke name=a name=a ', '<invoke name="ping"><parameter name="a">', '<invoke name="ping"><parameter name="a"></think>',
  '<parameter name="a">', '</parameter>', '<parameter name="a"></parameter>', '</parameter> ', '</parameter></invoke>', '<invoke name="ping"></parameter>',
  ']<]minimax[>[', ']<]minimax[>[<invoke name="ping">', ']<]minimax[>[<a>', ']<]minimax[>[</a>', ']<]minimax[>[<tool_call>', ']<]minimax[>[<a>]<]minimax[>[</a>',
  '[TOOL_CALL]', '[/TOOL_CALL]', '[TOOL_CALL]{', '[TOOL_CALL]{"tool":"ping"}', '[TOOL_CALL]{tool => "ping", args => {', '[TOOL_CALL]{tool => "ping", args => {\n--a "', '--a ',
  'invoke name="ping">\n', 'invoke>', 'parameter>', 'parameter name="a">', '>  ', '\n  ', ']~b]', '[e~[',
  '{"name":"ping","input":{}}', '{"tool_calls":[', '{"tool_calls":[{"name":"ping"}]}', 'Bearer ', 'sk-', 'eyJ', 'a://b:c@', 'password=', 'token: ',
]

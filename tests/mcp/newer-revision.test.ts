import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { mcpTools } from '../../lib/mcp/index.ts'
import { callTool, outcomeOf } from './support/call-tool.ts'

test('a server of revision 2026-07-28 gets the headers that a tool asks for', async () => {
  const headers: (string | null)[] = []
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: 'regions', version: '1.0.0' })
    const region = z.string().meta({ 'x-mcp-header': 'Region' })
    server.registerTool('query', { inputSchema: z.object({ region }) }, ({ region }) => ({
      content: [{ type: 'text', text: `In ${region}.` }],
    }))
    return server
  })
  const client = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  const transport = new StreamableHTTPClientTransport(new URL('http://127.0.0.1/mcp'), {
    fetch: async (url, init) => {
      const request = new Request(url, init)
      if (request.headers.get('mcp-method') === 'tools/call') headers.push(request.headers.get('mcp-param-region'))
      return await handler.fetch(request)
    },
  })
  await client.connect(transport)
  try {
    expect(client.getProtocolEra()).toBe('modern')
    const tools = await mcpTools(client)
    expect(outcomeOf(await callTool(tools, 'query', { region: 'north' }))).toBe('In north.')
    expect(headers).toEqual(['north'])
  } finally {
    await client.close()
  }
})

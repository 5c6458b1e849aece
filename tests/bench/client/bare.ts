import { Pool, request } from 'undici'

const body = JSON.stringify({ model: 'MiniMax-M2.1', messages: [{ role: 'user', content: 'Go on.' }] })

/** The bytes of a reply over undici, decoded, and each JSON document in them parsed: nobody reads a reply for less. */
export function bare(url: string, stream: boolean): { run(): Promise<number>; close(): Promise<void> } {
  const dispatcher = new Pool(new URL(url).origin)
  const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }
  return {
    async run() {
      const response = await request(url, { dispatcher, method: 'POST', headers, body })
      if (!stream) {
        const document: { readonly choices: readonly object[] } = JSON.parse(await response.body.text())
        return document.choices.length
      }
      const decoder = new TextDecoder()
      let text = ''
      let choices = 0
      for await (const chunk of response.body) {
        text += decoder.decode(chunk, { stream: true })
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const data = event.slice('data: '.length)
          if (data !== '[DONE]') choices += JSON.parse(data).choices.length
        }
      }
      return choices
    },
    close: () => dispatcher.close(),
  }
}

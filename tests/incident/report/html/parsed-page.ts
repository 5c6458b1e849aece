import { type DefaultTreeAdapterTypes, parse } from 'parse5'

/** An element of a page, as a browser reads it. */
export type Element = DefaultTreeAdapterTypes.Element

/** All elements of a page, as a browser reads it. The parser also reports its errors. */
export function parsedPage(html: string): {
  readonly elements: readonly Element[]
  readonly errors: readonly string[]
} {
  const errors: string[] = []
  const document = parse(html, { onParseError: ({ code }) => errors.push(code), sourceCodeLocationInfo: false })
  const elements: Element[] = []
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('tagName' in node) elements.push(node)
    if ('childNodes' in node) for (const child of node.childNodes) visit(child)
  }
  visit(document)
  return { elements, errors }
}

/** The text of an element and of everything in it. */
export function textOf(element: Element): string {
  return element.childNodes
    .map((node) => ('value' in node ? node.value : 'tagName' in node ? textOf(node) : ''))
    .join('')
}

/** The value of an attribute; undefined without it. */
export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((one) => one.name === name)?.value
}

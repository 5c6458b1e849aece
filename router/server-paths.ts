import { homedir } from 'node:os'
import { basename } from 'node:path'

/**
 * A file that is named from the root on. What a path is written with does not stand before it, so that the path of a
 * URL, behind its host, is none.
 */
const file =
  /(?<![\w.@+~/)}\]-])(?:\/[\w.@+~-]{1,128}){1,32}\/([\w.@+~-]{1,128}\.[A-Za-z][A-Za-z0-9]{0,9})(?![\w/@+~-])/g

/**
 * A message without the folders of the server: of its files the names are left. `paths` are those that errors name in
 * fields of their own, as Node's do.
 */
export function withoutServerPaths(message: string, paths: readonly string[]): string {
  let shown = message.replaceAll('file://', '')
  for (const path of paths) shown = replacePath(shown, path, basename(path))
  for (const [folder, name] of [
    [process.cwd(), '.'],
    [homedir(), '~'],
  ] as const) {
    shown = replacePath(replacePath(shown, `${folder}/`, name === '.' ? '' : `${name}/`), folder, name)
  }
  return shown.replace(file, '$1')
}

/** Replaces a path where it stands by itself. A root, or a folder in it, stands in too much that is no path of the server. */
function replacePath(text: string, path: string, name: string): string {
  if (!/^\/[^/]+\/[^/]/.test(path)) return text
  let out = ''
  let done = 0
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + path.length)) {
    const end = at + path.length
    if (/[\w.@+~/-]/.test(text.charAt(at - 1)) || (!path.endsWith('/') && /[\w@+~-]/.test(text.charAt(end)))) continue
    out += text.slice(done, at) + name
    done = end
  }
  return out + text.slice(done)
}

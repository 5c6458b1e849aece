import { mask } from './mask.ts'

/**
 * What stands before the host: `user:password@`, in which people forget to escape `/` and `@`, or a lone token. No
 * credentials are the port of `host:8000/@scope`, the digest of `image@sha256:…`, and the user of `ssh://git@host`.
 */
const inUrl =
  /:\/\/(?!git@)(?:[^\s:/@"'`?#<>[\]]{0,1024}:(?!\d{1,5}[^\w@.~!$%^*+=-])(?:(?!:\/\/)[^\s"'`<>]){1,4096}|[\w.~%+=$!*-]{1,1024})@(?!sha\d{3}:)/g

/** `curl -u user:password`; `docker run -u 1000:1000` has the same option for something else. */
const ofCurl = /([\s"',=](?:-[A-Za-z]{0,8}[uU]|--(?:proxy-)?user)[\s"',=\\]{1,8}[^\s"':\\]{1,128}:)([^\s"'\\]{1,1024})/g
const curlBefore = /curl\b[^\n]*$/

export function maskUrlCredentials(text: string): string {
  // A colon is common, two slashes are not: most texts are passed over at the speed of memory.
  const out = text.includes('//') ? text.replace(inUrl, `://${mask}@`) : text
  if (!out.includes('curl')) return out
  return out.replace(ofCurl, (all: string, option: string, password: string, offset: number) =>
    curlBefore.test(out.slice(Math.max(0, offset - 300), offset)) && password !== mask ? option + mask : all,
  )
}

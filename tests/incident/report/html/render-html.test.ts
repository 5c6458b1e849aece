import { expect, test } from 'vitest'
import { renderHtml } from '../../../../lib/incident/index.ts'
import { generateReport } from '../../../../lib/incident/report/report.ts'
import { inputWith } from '../hostile-result.ts'

const htmlOf = (text: string) => renderHtml(generateReport(inputWith(text)).json)

test('a page begins with its type, has a policy that allows nothing but its own style, and no script', () => {
  const html = htmlOf('plain')
  expect(html).toMatch(/^<!DOCTYPE html>\n<html lang="en">/)
  expect(html).toContain("content=\"default-src 'none'; style-src 'sha256-")
  expect(html).not.toMatch(/<script|<link|<img|<iframe| style=| on\w+=/i)
})

test('characters that nobody sees are shown by their numbers', () => {
  expect(htmlOf('a\u202eb\u001b[31mc\u200bd')).toContain('a⟨U+202E⟩b⟨U+001B⟩[31mc⟨U+200B⟩d')
})

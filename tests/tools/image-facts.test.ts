import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import { applyFixSimulation, fetchConfig } from '../../tools/index.ts'
import { call } from './call.ts'

const scenario = 'engine_startup_hang'

test('the configuration has the previous image and the tags for change_image', async () => {
  const found = await call(fetchConfig, { scenario })
  expect(found.previous_image).toBe('vllm/vllm-openai:v0.14.1')
  expect(found.valid_image_tags).toEqual(loadScenario(scenario).images?.tags)
})

test('images that are not known are null', async () => {
  const found = await call(fetchConfig, { scenario: 'healthy_control' })
  expect(found).toMatchObject({ previous_image: null, valid_image_tags: null })
})

test.each(['vllm/vllm-openai:latest', 'vllm/vllm-openai:v0.6.3'])(
  'the refusal of %s names the valid tags',
  async (image) => {
    const { config } = await call(fetchConfig, { scenario })
    const fix_plan = { summary: 'x', actions: [{ action: 'change_image' as const, image }] }
    await expect(call(applyFixSimulation, { current_config: config, fix_plan })).rejects.toThrow(
      'valid tags: v0.14.1, v0.15.0-cu130, v0.16.0-cu130, v0.17.1-cu130',
    )
  },
)

test('change_image takes every valid tag and every image of the known plans', async () => {
  const { config, valid_image_tags: tags } = await call(fetchConfig, { scenario })
  for (const tag of tags ?? []) {
    const actions = [{ action: 'change_image' as const, image: `vllm/vllm-openai:${tag}` }]
    await expect(
      call(applyFixSimulation, { current_config: config, fix_plan: { summary: 'x', actions } }),
    ).resolves.toBeDefined()
  }
  const plans = readFileSync(new URL(`../../fixtures/oracles/${scenario}.json`, import.meta.url), 'utf8')
  const images = [...plans.matchAll(/"image": "[^:"]+:([^"]+)"/g)].map(([, tag]) => tag)
  expect(images.length).toBeGreaterThan(0)
  expect(tags).toEqual(expect.arrayContaining(images))
})

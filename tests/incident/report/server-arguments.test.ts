import { expect, test } from 'vitest'
import { collectNextOf } from '../../../lib/incident/report/collect-next.ts'
import { fixAndRollback } from '../../../lib/incident/report/fix-steps.ts'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { folderOf } from '../../tools/incident-folder/folder.ts'
import { telemetry } from '../support/made-up-incident.ts'
import { resultWith } from './made-up-result.ts'

test('a start command keeps the arguments of the server, without its key, and all commands use its port', async () => {
  const folder = await folderOf({
    'launch.sh': 'vllm serve meta/m --port 9000 --api-key sk-live-4711 --root-path /llm --tensor-parallel-size 2\n',
    'vllm.log': 'INFO 02-17 14:00:00 [a.py:1] x\n',
  })
  const incident = await openIncident(folder)
  const actions = [{ action: 'set_engine_args' as const, args: { max_num_seqs: 64 } }]
  const result = {
    ...resultWith({ status: 'unknown' }),
    fix_plan: { summary: 's', rationale: 'r', risks: [], actions },
  }
  const { fix_steps: steps } = fixAndRollback(incident, result)
  const commands = steps.flatMap((step) => step.commands)
  expect(commands).toContainEqual(
    "vllm serve meta/m --tensor-parallel-size 2 --max-num-seqs 64 --port 9000 --api-key '<value of api_key>' --root-path /llm",
  )
  const next = collectNextOf(incident, telemetry, result).flatMap(({ command }) => command ?? [])
  expect([...commands, ...next].filter((command) => command.includes(':9000/')).length).toBeGreaterThan(2)
  expect(JSON.stringify([steps, next, incident.observation])).not.toMatch(/:8000|sk-live|4711/)
})

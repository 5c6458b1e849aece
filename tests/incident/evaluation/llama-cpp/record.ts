// Records the cassette of a small model. README.md of this folder has the commands.
import { rmSync } from 'node:fs'
import { minimax } from '../../../../lib/minimax/minimax.ts'
import { recordModel } from '../../../../lib/testing/index.ts'
import { cassette, evaluateSmallModel } from './small-model.ts'

rmSync(cassette, { force: true })
const model = minimax()
const { total, runs } = await evaluateSmallModel(recordModel(model, cassette))
await model.close()
console.log(JSON.stringify({ total, runs }, null, 2))

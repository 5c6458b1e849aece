import { expect, test } from 'vitest'
import { launchOfCommand } from '../../../tools/incident-folder/container-launch.ts'
import { launchOfText } from '../../../tools/incident-folder/launch-documents.ts'
import { opened } from './folder.ts'

const log = 'INFO 11-27 21:04:18 [api_server.py:1] started\n'
const model = 'meta-llama/Llama-3.1-8B-Instruct'

/** The deployment of a folder with one log and the given files. */
async function deploymentOf(files: Readonly<Record<string, string>>) {
  const { observation, notes = [], kinds, reasons } = await opened({ 'vllm.log': log, ...files })
  return { ...observation, kinds, reasons, texts: notes.map(({ text }) => text) }
}

test.each([
  ['docker run', `docker run --gpus all --memory 64g --cpus 16 --shm-size=8g`],
  [
    'sudo docker run with short options',
    `sudo docker run -d --rm -p8000:8000 -v ~/.cache:/root/.cache -m 64g --cpus=16 --shm-size 8gb`,
  ],
  [
    'podman',
    `#!/bin/bash\nset -e\npodman run --device nvidia.com/gpu=all -it --memory=65536m --cpus 16 --shm-size 8192m`,
  ],
])('the image, the limits and the arguments of %s are read', async (_, command) => {
  const { deployment, kinds, notStated } = await deploymentOf({
    'launch.sh': `${command} \\\n  -e NCCL_DEBUG=WARN vllm/vllm-openai:v0.20.1 \\\n  --model ${model} --max-num-seqs 8 # cap\n`,
  })
  expect(kinds['launch.sh']).toBe('engine_arguments')
  expect(deployment).toMatchObject({
    model,
    image: 'vllm/vllm-openai:v0.20.1',
    vllm_version: '0.20.1',
    engine_args: { max_num_seqs: 8 },
    env: { NCCL_DEBUG: 'WARN' },
    resources: { host_memory_gb: 64, cpu_cores: 16, shm_gb: 8 },
  })
  expect(deployment.engine_args).toEqual({ max_num_seqs: 8 })
  expect(notStated).not.toContain('engine_args')
})

test('a container that gets its program as an entry point or through a shell has its arguments', () => {
  const image = 'registry.local/serving:v0.20.1'
  const arguments_ = { model, image, engineArgs: { max_num_seqs: 8 } }
  const runs = [
    `docker run --entrypoint python3 ${image} -m vllm.entrypoints.openai.api_server --model ${model} --max-num-seqs 8`,
    `docker run --entrypoint bash ${image} -c "vllm serve ${model} --max-num-seqs 8"`,
    `docker run ${image} vllm serve ${model} --max-num-seqs 8`,
    `docker container run ${image} --model ${model} --max-num-seqs=8`,
  ]
  for (const command of runs) expect(launchOfCommand(command)).toMatchObject(arguments_)
  expect(launchOfCommand('docker run --gpus \'"device=2,3"\' vllm/vllm-openai:v0.20.1 --model m')?.gpus).toEqual([2, 3])
  expect(launchOfCommand('docker run nginx:1.27 --model-dir /x')).toBeUndefined()
  expect(launchOfCommand('pip install vllm && echo vllm')).toBeUndefined()
})

test('the size of shared memory is that of the host with --ipc=host, so it is not stated', async () => {
  const { notStated } = await deploymentOf({
    'launch.sh': `docker run --ipc=host --shm-size 8g vllm/vllm-openai:v0.20.1 --model ${model}`,
  })
  expect(notStated).toContain('resources.shm_gb')
})

test('variables and arrays of the same script are replaced', () => {
  const launch = launchOfCommand(`
MODEL=${model}
ARGS=(--max-num-seqs 8
  --block-size 128)
ARGS+=(--enforce-eager)
export NCCL_DEBUG=WARN
exec vllm serve "$MODEL" "\${ARGS[@]}" --max-model-len \${LENGTH:-4096} 2>&1 | tee >(cat) > out.log`)
  expect(launch).toMatchObject({
    model,
    engineArgs: { max_num_seqs: 8, block_size: 128, enforce_eager: true, max_model_len: 4096 },
    env: { NCCL_DEBUG: 'WARN' },
    notes: ['LENGTH is not set in the file, so its default 4096 counts.'],
  })
  expect(Object.keys(launch?.engineArgs ?? {})).toHaveLength(4)
})

test('a variable that nothing sets leaves its value unknown, and a note says so', async () => {
  const { deployment, notStated, texts } = await deploymentOf({
    'launch.sh': 'vllm serve $MODEL --max-num-seqs $SEQS --block-size 16 $EXTRA "$@"\n',
  })
  expect(deployment).toMatchObject({ model: 'unknown', engine_args: { block_size: 16 } })
  expect(Object.keys(deployment.engine_args)).toEqual(['block_size'])
  expect(notStated).toEqual(expect.arrayContaining(['model', 'engine_args.max_num_seqs', 'engine_args']))
  expect(texts).toEqual(
    expect.arrayContaining([
      'The model is $MODEL, which the file does not set.',
      'max_num_seqs is $SEQS, which the file does not set.',
      'Further arguments are in $EXTRA, which the file does not set.',
    ]),
  )
})

test('what a script leaves open comes from the arguments in the engine log', async () => {
  const { deployment, notStated } = await deploymentOf({
    'vllm.log': `${log}INFO 11-27 21:04:18 [utils.py:1] non-default args: {'model': '${model}', 'max_num_seqs': 32, 'seed': 1}\n`,
    'launch.sh': 'vllm serve $MODEL --max-num-seqs $SEQS\n',
  })
  expect(deployment).toMatchObject({ model, engine_args: { max_num_seqs: 32 } })
  expect(notStated).not.toContain('engine_args.max_num_seqs')
})

test('a script with --config has the arguments of its YAML, and its own flags count more', async () => {
  const files = {
    'launch.sh': 'vllm serve --config /etc/vllm/config.yaml --max-num-seqs 16\n',
    'vllm-config.yaml': `model: ${model}\nmax-num-seqs: 8\nblock-size: 128\n`,
  }
  const { deployment, reasons, texts } = await deploymentOf(files)
  expect(deployment).toMatchObject({ model, engine_args: { max_num_seqs: 16, block_size: 128 } })
  expect(reasons).toEqual([])
  expect(texts).toContain('launch.sh names --config /etc/vllm/config.yaml; vllm-config.yaml is taken for it.')
  const alone = await deploymentOf({ 'launch.sh': files['launch.sh'] })
  expect(alone.notStated).toContain('engine_args')
  expect(alone.texts).toContain('launch.sh names --config /etc/vllm/config.yaml, which the folder does not have.')
})

const manifest = `apiVersion: v1
kind: Pod
metadata: { name: llama }
spec:
  nodeName: gpu-node-07
  nodeSelector: { nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3 }
  initContainers:
  - { name: download, image: vllm/vllm-openai:v0.20.1, command: [sh, -c, "huggingface-cli download x"] }
  containers:
  - { name: proxy, image: istio/proxyv2:1.20, args: [proxy, sidecar] }
  - name: vllm
    image: vllm/vllm-openai:v0.20.1
    args: ["--model=$(MODEL)", "--max-num-seqs=8"]
    env: [{ name: MODEL, value: ${model} }]
    resources: { limits: { cpu: 7500m, memory: 64Gi, nvidia.com/gpu: "1" } }
    volumeMounts: [{ name: shm, mountPath: /dev/shm }]
  volumes:
  - { name: cache, emptyDir: { sizeLimit: 1Gi } }
  - { name: shm, emptyDir: { medium: Memory, sizeLimit: 8Gi } }
status:
  containerStatuses: [{ name: proxy, restartCount: 9 }, { name: vllm, restartCount: 3 }]
`

test.each(['pod.yaml', 'dep.txt', 'dmesg.txt', 'manifest'])(
  'a manifest in %s has its node, limits and restarts',
  async (name) => {
    const { deployment, kinds } = await deploymentOf({ [name]: manifest })
    expect(kinds[name]).toBe('engine_arguments')
    expect(deployment).toMatchObject({
      model,
      image: 'vllm/vllm-openai:v0.20.1',
      engine_args: { max_num_seqs: 8 },
      resources: { host_memory_gb: 64, cpu_cores: 7.5, shm_gb: 8 },
      placement: { node: 'gpu-node-07', gpu_model: 'NVIDIA-H100-80GB-HBM3', gpus: null },
      history: { engine_restarts: 3, gpu_resets: null },
    })
  },
)

test('docker inspect and a compose file have the image, the limits and the arguments', () => {
  const inspected = JSON.stringify([
    {
      Id: 'abc',
      RestartCount: 2,
      Config: { Image: 'vllm/vllm-openai:v0.20.1', Env: ['A=b'], Cmd: ['--model', model, '--max-num-seqs', '8'] },
      HostConfig: { Memory: 2 ** 36, ShmSize: 2 ** 33, NanoCpus: 0 },
    },
  ])
  const expected = {
    model,
    image: 'vllm/vllm-openai:v0.20.1',
    engineArgs: { max_num_seqs: 8 },
    env: { A: 'b' },
    resources: { host_memory_gb: 64, shm_gb: 8 },
  }
  expect(launchOfText(inspected, true)).toMatchObject({ ...expected, engineRestarts: 2 })
  const compose = `services:
  redis: { image: "redis:7" }
  vllm:
    image: vllm/vllm-openai:\${TAG:-v0.20.1}
    command: >
      --model ${model}
      --max-num-seqs 8
    environment: [A=b, HF_TOKEN]
    mem_limit: 64g
    shm_size: 8gb
`
  expect(launchOfText(compose, true)).toMatchObject({ ...expected, open: ['env.HF_TOKEN'] })
})

test('the description of a pod gives its node and restarts, and its events are lines of the journal', async () => {
  const description = `Name:             llama-8b
Node:             gpu-node-07/10.0.4.7
Containers:
  vllm:
    Image:          vllm/vllm-openai:v0.15.0
    Args:
      --model
      ${model}
      --max-num-seqs=8
    Last State:     Terminated
      Reason:       OOMKilled
    Restart Count:  3
    Limits:
      cpu:     16
      memory:  64Gi
    Mounts:
      /dev/shm from shm (rw)
Volumes:
  shm:
    Type:       EmptyDir
    SizeLimit:  8Gi
Events:
  Type     Reason     Age   From     Message
  Warning  Unhealthy  4m    kubelet  Readiness probe failed: connection refused
`
  const {
    deployment,
    kinds,
    log: lines,
    notes,
  } = await opened({ 'pod.log': description }).then((incident) => ({
    ...incident,
    deployment: incident.observation.deployment,
  }))
  expect(kinds).toEqual({ 'pod.log': 'pod_description' })
  expect(deployment).toMatchObject({
    model,
    engine_args: { max_num_seqs: 8 },
    resources: { host_memory_gb: 64, cpu_cores: 16, shm_gb: 8 },
    placement: { node: 'gpu-node-07' },
    history: { engine_restarts: 3 },
  })
  expect(lines('journal')).toContain('      Reason:       OOMKilled')
  expect(lines('vllm')).toBeUndefined()
  expect(notes?.map(({ text }) => text)).toContain('The folder has no journal.')
})

test('a systemd unit has the command of its ExecStart', () => {
  const unit = `[Service]\nEnvironment="NCCL_DEBUG=WARN"\nExecStart=/usr/bin/vllm serve ${model} --max-num-seqs 8\nRestart=always\n`
  expect(launchOfCommand(unit)).toMatchObject({ model, engineArgs: { max_num_seqs: 8 }, env: { NCCL_DEBUG: 'WARN' } })
})

test('CUDA_VISIBLE_DEVICES names the GPUs of the node only outside a container', () => {
  expect(launchOfCommand(`CUDA_VISIBLE_DEVICES=2,3 vllm serve ${model}`)?.gpus).toEqual([2, 3])
  const image = 'vllm/vllm-openai:v0.20.1'
  expect(launchOfCommand(`docker run -e CUDA_VISIBLE_DEVICES=0 ${image} vllm serve ${model}`)?.gpus).toBeUndefined()
})

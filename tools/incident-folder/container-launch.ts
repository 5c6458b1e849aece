import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { findArgument } from '../arguments/argument-name.ts'
import { newestVersion } from '../arguments/argument-table.ts'
import { type Launch, launchOfWords } from './engine-arguments.ts'
import { openPart, openParts, readShell } from './shell-commands.ts'

// Reads how a command or a container starts vLLM: directly, through a shell, or with `docker run`.

/** A container, as a manifest or `docker run` describes it. */
export interface Container extends Pick<Launch, 'node' | 'gpuModel' | 'gpus' | 'engineRestarts'> {
  /** Image with its tag. */
  readonly image?: string
  /** Program and arguments; those of the image are not among them. */
  readonly words: readonly string[]
  /** Environment. A value can be open. */
  readonly env: Readonly<Record<string, string>>
  /** Limits of the container. */
  readonly resources: Launch['resources']
}

/** Reads a shell script or command, such as `VLLM_LOGGING_LEVEL=DEBUG vllm serve <model> --max-num-seqs 64 -tp 2`. */
export function launchOfCommand(
  text: string,
  version = newestVersion(),
  environment: Readonly<Record<string, string>> = {},
): Launch | undefined {
  const { commands, defaults } = readShell(ofUnit(text), environment)
  const launches = commands.flatMap(({ words, env }) => launchOfProgram(words, env, version) ?? [])
  const [launch] = launches
  if (launch === undefined) return undefined
  const assumed = [...defaults]
    .filter(([name, value]) => value !== '' && text.includes(name))
    .map(([name, value]) => `${name} is not set in the file, so its default ${value} counts.`)
  const several = launches.length === 1 ? [] : [`${launches.length} commands start vLLM, of which the first counts.`]
  return { ...launch, notes: [...launch.notes, ...assumed, ...several] }
}

/** The lines of a systemd unit as those of a script. */
function ofUnit(text: string): string {
  if (!/^ExecStart=/m.test(text)) return text
  return text.replace(/^ExecStart=[-@:+!|]*/gm, '').replace(/^Environment=(["']?)(.*)\1$/gm, 'export $1$2$1')
}

/** The launch that a container makes; `undefined` if it does not run vLLM. */
export function launchOfContainer(container: Container, version = newestVersion()): Launch | undefined {
  const { image, words, env: _, resources, ...facts } = container
  const known = Object.fromEntries(Object.entries(container.env).filter(([, value]) => openParts(value).length === 0))
  const own = words.filter((word) => word !== '')
  // An image with another name can have the same entry point.
  const hasFlags = own.filter((word) => findArgument(word.replace(/=.*$/s, ''), version) !== undefined).length > 1
  const isServer = /vllm/i.test(image ?? '') || (hasFlags && own.some((word) => /^--model\b/.test(word)))
  const launch =
    launchOfProgram(own, known, version) ??
    (isServer && (own.length === 0 || /^(?:-|serve$)/.test(own[0] ?? ''))
      ? launchOfWords(own[0] === 'serve' ? own.slice(1) : own, version)
      : undefined)
  if (launch === undefined) return undefined
  // CUDA_VISIBLE_DEVICES counts the GPUs of the container, not those of the node.
  const { gpus: __, ...inner } = launch
  const unset = Object.entries(container.env).filter(([, value]) => openParts(value).length > 0)
  return {
    ...inner,
    ...facts,
    ...(image === undefined ? {} : openParts(image).length > 0 ? {} : { image }),
    resources,
    env: { ...launch.env, ...known },
    open: [...launch.open, ...unset.map(([name]) => `env.${name}`)],
  }
}

/** The launch of one command; `undefined` if it does not start vLLM. */
function launchOfProgram(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  version: string,
): Launch | undefined {
  const runtime = words.findIndex((word) => /^(?:.*\/)?(?:docker|podman|nerdctl)$/.test(word))
  const run = words.findIndex((word, index) => index > runtime && runtime !== -1 && /^(?:run|create)$/.test(word))
  if (runtime !== -1 && run !== -1) {
    const container = containerOfRun(words.slice(run + 1))
    return container === undefined ? undefined : launchOfContainer(container, version)
  }
  const start = words.findIndex(
    (word, index) =>
      (/^(?:.*\/)?vllm$/.test(word) && words[index + 1] === 'serve') ||
      /^(?:.*[./])?vllm[./]entrypoints[./]\S*(?:api_server(?:\.py)?|cli\.main)$/.test(word),
  )
  if (start !== -1) {
    const own = words.slice(start + 1)
    const before = pairsIn(words.slice(0, start))
    return { ...withOpenEnv(launchOfWords(own[0] === 'serve' ? own.slice(1) : own, version), { ...env, ...before }) }
  }
  const shell = words.findIndex((word) => /^(?:.*\/)?(?:ba|z|da|k)?sh$/.test(word))
  const inner = words.slice(shell + 1).find((_, index, all) => /^-\w*c$/.test(all[index - 1] ?? ''))
  return shell === -1 || inner === undefined ? undefined : launchOfCommand(inner, version, env)
}

/** `env NAME=value vllm serve …` */
function pairsIn(words: readonly string[]): Record<string, string> {
  const pairs = words.flatMap((word) => {
    const [, name, value] = /^([A-Z_][A-Z0-9_]*)=(.*)$/s.exec(word) ?? []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(pairs)
}

function withOpenEnv(launch: Launch, env: Readonly<Record<string, string>>): Launch {
  const entries = Object.entries(env)
  const known = entries.filter(([, value]) => openParts(value).length === 0)
  const unset = entries.filter(([, value]) => openParts(value).length > 0)
  // The process sees these GPUs, and numbers them from 0.
  const devices = indices(env['CUDA_VISIBLE_DEVICES'])
  return {
    ...launch,
    env: Object.fromEntries(known),
    open: [...launch.open, ...unset.map(([name]) => `env.${name}`)],
    ...(devices === undefined ? {} : { gpus: devices }),
  }
}

/** Options of `docker run` and `podman run` without a value. All others have one. */
const switches = new Set(
  (
    'd detach i interactive t tty rm privileged init read-only no-healthcheck P publish-all oom-kill-disable sig-proxy q ' +
    'quiet disable-content-trust help use-api-socket replace no-hosts rootfs env-host http-proxy rmi'
  ).split(' '),
)

/** Reads the words after `docker run`: options, the image, and the arguments of the container. */
function containerOfRun(words: readonly string[]): Container | undefined {
  const options: (readonly [name: string, value: string])[] = []
  let index = 0
  for (; index < words.length; index++) {
    const word = words[index] ?? ''
    const [, dashes, name = '', inline] = /^(--?)([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? shortWithValue(word)
    if (dashes === undefined) break
    const isSwitch = switches.has(name) || (dashes === '-' && [...name].every((letter) => switches.has(letter)))
    if (isSwitch) continue
    if (inline !== undefined) options.push([name, inline])
    // `-eNAME` and `-p8000:8000` have the value in the same word.
    else if (dashes === '-' && name.length > 1) options.push([name[0] ?? '', name.slice(1)])
    else options.push([name, words[++index] ?? ''])
  }
  const image = words[index]
  if (image === undefined) return undefined
  const values = (...names: string[]) => options.flatMap(([name, value]) => (names.includes(name) ? [value] : []))
  const env = Object.fromEntries(
    values('e', 'env').map((pair) => {
      const [, name = pair, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
      // Without a value it is that of the shell that ran the command.
      return [name, value ?? openPart(`$${name}`)]
    }),
  )
  const gpus = values('gpus').flatMap((value) => indices(/device=([\d,]+)/.exec(value)?.[1]) ?? [])
  const [entrypoint = ''] = values('entrypoint').slice(-1)
  return {
    image,
    words: [...(entrypoint === '' ? [] : [entrypoint]), ...words.slice(index + 1)],
    env,
    resources: resourcesOf(
      {
        memory: values('m', 'memory').at(-1),
        cpus: values('cpus').at(-1),
        // The host's shared memory has its own size.
        shm: values('ipc').at(-1) === 'host' ? undefined : values('shm-size').at(-1),
      },
      'docker',
    ),
    ...(gpus.length === 0 ? {} : { gpus }),
  }
}

function shortWithValue(word: string): readonly (string | undefined)[] {
  const [, name, value] = /^-([A-Za-z])(.+)$/s.exec(word) ?? []
  return name === undefined ? [] : ['', '-', name, value]
}

/** GPUs of a list such as `0,1`; `undefined` for anything else, such as UUIDs. */
export function indices(list: string | undefined): number[] | undefined {
  return list !== undefined && /^\d+(?:,\d+)*$/.test(list) ? list.split(',').map(Number) : undefined
}

/** The limits of a container as they are written. A limit of 0 means none. */
export function resourcesOf(
  written: { readonly memory?: unknown; readonly cpus?: unknown; readonly shm?: unknown },
  units: 'docker' | 'kubernetes',
): DeploymentConfig['resources'] {
  const members = [
    ['host_memory_gb', gibOf(written.memory, units)],
    ['cpu_cores', coresOf(written.cpus)],
    ['shm_gb', gibOf(written.shm, units)],
  ] as const
  return Object.fromEntries(members.filter(([, value]) => value !== undefined && value > 0))
}

const prefixes = ['', 'k', 'm', 'g', 't', 'p']

/** GiB of an amount of memory. `64G` is 10^9 bytes in Kubernetes, which writes `64Gi` for 2^30, and 2^30 in Docker. */
function gibOf(written: unknown, units: 'docker' | 'kubernetes'): number | undefined {
  const [, amount, unit = '', binary] =
    /^\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([kKmMgGtTpP]?)(i?)[bB]?\s*$/.exec(String(written ?? '')) ?? []
  if (amount === undefined) return undefined
  const factor = (units === 'kubernetes' && binary === '' ? 1000 : 1024) ** prefixes.indexOf(unit.toLowerCase())
  // A small m of Kubernetes is a thousandth, which nobody means.
  if (units === 'kubernetes' && unit === 'm') return undefined
  return Math.round(((Number(amount) * factor) / 2 ** 30) * 1000) / 1000
}

/** Cores of an amount such as `16` or `1500m`. */
function coresOf(written: unknown): number | undefined {
  const [, amount, milli] = /^\s*(\d+(?:\.\d+)?)(m?)\s*$/.exec(String(written ?? '')) ?? []
  return amount === undefined ? undefined : Number(amount) / (milli === 'm' ? 1000 : 1)
}

import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import type { Launch } from './engine-arguments.ts'
import type { LeftOut } from './find-files.ts'

// Several files can say how one engine was started: a script and the YAML that it names, a description of its pod, and
// the first lines of its log.

/** A file that says how the engine was started. */
export interface LaunchFile {
  /** Path relative to the folder. */
  readonly file: string
  /** Its content. */
  readonly launch: Launch
}

/** The content of all files together. */
interface JoinedLaunch {
  /** `undefined` if no file says how the engine was started. */
  readonly launch: Launch | undefined
  /** Files that are not used, each with the reason. */
  readonly notUsed: readonly LeftOut[]
}

/**
 * Joins what several files say. The last file of arguments by name counts, with the file that its `--config` names; what
 * it leaves open comes from the log, and then from the description of the pod.
 *
 * @param log the arguments that vLLM wrote into its log.
 */
export function joinLaunches(
  files: readonly LaunchFile[],
  descriptions: readonly LaunchFile[],
  log: Launch | undefined,
): JoinedLaunch {
  const notUsed: LeftOut[] = []
  const starting = files.findLast(({ launch }) => launch.configFile !== undefined)
  const own = starting ?? files.at(-1)
  const config = starting === undefined ? undefined : configOf(starting, files)
  for (const { file } of files) {
    if (own === undefined || file === own.file || file === config?.file) continue
    notUsed.push({
      file,
      reason: `It is not used, because ${own.file} is of the same kind${own === starting ? ' and names its own file of arguments' : ' and the last one by name counts'}.`,
    })
  }
  const [description, ...others] = descriptions
  for (const { file } of others)
    notUsed.push({ file, reason: `It is not used, because ${description?.file} describes the pod, too.` })
  const launch = own === undefined ? undefined : withConfig(own, config)
  return { launch: withDescription(withLog(launch, log), description?.launch), notUsed }
}

/** The file of arguments that `--config` names: by its name, or the only other one. */
function configOf({ file, launch }: LaunchFile, files: readonly LaunchFile[]): LaunchFile | undefined {
  const others = files.filter((other) => other.file !== file && other.launch.image === undefined)
  const name = baseName(launch.configFile ?? '')
  const data = others.filter((other) => /\.(?:ya?ml|json)$/i.test(other.file))
  return others.find((other) => baseName(other.file) === name) ?? (data.length === 1 ? data[0] : undefined)
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A flag of the command line counts more than the file. */
function withConfig({ launch, file }: LaunchFile, config: LaunchFile | undefined): Launch {
  const { configFile, model, engineArgs, server, notes } = launch
  if (configFile === undefined) return launch
  if (config === undefined) {
    const note = `${file} names --config ${configFile}, which the folder does not have.`
    return { ...launch, open: [...launch.open, 'engine_args'], notes: [...notes, note] }
  }
  const isNamed = baseName(config.file) === baseName(configFile)
  const taken = model ?? config.launch.model
  return {
    ...launch,
    engineArgs: { ...config.launch.engineArgs, ...engineArgs },
    server: { ...config.launch.server, ...server },
    open: [...launch.open.filter((path) => path !== 'model' || taken === undefined), ...config.launch.open],
    notes: [
      ...notes,
      ...config.launch.notes,
      ...(isNamed ? [] : [`${file} names --config ${configFile}; ${config.file} is taken for it.`]),
    ],
    ...(taken === undefined ? {} : { model: taken }),
  }
}

/** Fills what a file leaves open with what vLLM wrote into its log. */
function withLog(launch: Launch | undefined, log: Launch | undefined): Launch | undefined {
  if (launch === undefined || log === undefined) return launch ?? log
  const isOpen = launch.open.includes('engine_args')
  const known: Record<string, EngineArgumentValue> = { ...launch.engineArgs }
  const filled = new Set<string>()
  for (const [name, value] of Object.entries(log.engineArgs)) {
    if (name in known || !(isOpen || launch.open.includes(`engine_args.${name}`))) continue
    known[name] = value
    filled.add(name)
  }
  const model = launch.model ?? log.model
  const stillOpen = (path: string) =>
    !(path === 'model' && model !== undefined) &&
    path !== 'engine_args' &&
    !filled.has(path.replace(/^engine_args\./, ''))
  const names = [...filled, ...(launch.model === undefined && model !== undefined ? ['model'] : [])]
  return {
    ...launch,
    ...(model === undefined ? {} : { model }),
    engineArgs: known,
    open: launch.open.filter(stillOpen),
    notes: [...launch.notes, ...(names.length === 0 ? [] : [`The engine log states ${names.join(', ')}.`])],
  }
}

/** The state of a pod has what its manifest does not: its node and its restarts. */
function withDescription(launch: Launch | undefined, pod: Launch | undefined): Launch | undefined {
  if (launch === undefined || pod === undefined) return launch ?? pod
  const hasArguments = Object.keys(launch.engineArgs).length > 0 || launch.model !== undefined
  return {
    ...pod,
    ...launch,
    engineArgs: hasArguments ? launch.engineArgs : pod.engineArgs,
    server: { ...pod.server, ...launch.server },
    env: { ...pod.env, ...launch.env },
    resources: { ...pod.resources, ...launch.resources },
  }
}

import { canonicalJson } from '../../../router/json/json.ts'
import { unknown } from '../../../tools/scenario-source.ts'
import { hostsOf, type Step } from './host-steps.ts'
import { kubectl, owner, ownerNote, type Pod, podName, type RunningEngine, type Unit } from './running-engine.ts'
import { blank, changedArguments, type Deployment, operand, serveCommand, shellWord } from './shell-commands.ts'

// Steps on the process of the engine: stop, image and start, in the form of what runs it.

/**
 * Commands that stop an engine which no manager runs. The last one waits: the port and the memory of the GPUs are free only
 * when the process has ended.
 */
const stopCommands = [
  "pgrep -af '[v]llm serve'",
  `kill ${blank('pid of vllm serve')}`,
  "while pgrep -f '[v]llm serve' >/dev/null; do sleep 1; done",
]
const stopNote = 'If the first command shows no process, the engine is down already: skip kill.'

/** Stops the engine of a deployment, for changes that need it stopped. */
export function stopStep({ placement: { node } }: Deployment, { manager }: RunningEngine): Step {
  const where = node === unknown ? '' : ` on ${node}`
  if (manager?.kind === 'pod') {
    return {
      title: `Stop the engine${where}: the pod ${podName(manager)}.`,
      commands: [`${kubectl(manager)} scale --replicas=0 ${owner}`],
      note: `${ownerNote(manager)} Note its replicas first, to restore them.`,
    }
  }
  if (manager?.kind === 'unit') {
    return { title: `Stop the engine${where}.`, commands: [`systemctl stop ${manager.name}`], note: null }
  }
  return { title: `Stop the engine${where}.`, commands: stopCommands, note: stopNote }
}

/** Another image, if the deployments have different ones. */
export function imageSteps(before: Deployment, after: Deployment, { manager }: RunningEngine): Step[] {
  if (before.image === after.image) return []
  const version = after.vllm_version === unknown ? '' : ` Its vLLM is ${after.vllm_version}; defaults can differ.`
  const title = `Use the image ${after.image} instead of ${before.image}.`
  if (manager?.kind === 'pod') {
    const target = shellWord(`${manager.container}=${after.image}`)
    return [
      {
        title,
        commands: [`${kubectl(manager)} set image ${owner} ${target}`],
        note: `This restarts the pod ${podName(manager)}. ${ownerNote(manager)}${version}`,
      },
    ]
  }
  return [
    {
      title,
      commands: [`docker pull ${operand(after.image)}`],
      note: `Then change it in the compose file, in the command of the container, or in the unit. In Kubernetes: kubectl set image.${version}`,
    },
  ]
}

/** Circumstances of a start. */
export interface StartReason {
  /** Whether the plan restarts an engine even without a difference. */
  readonly isRestart: boolean
  /** Whether an earlier step has stopped the engine. */
  readonly isStopped: boolean
}

/** The start of the engine with the arguments of `after`, if anything needs a start. */
export function startSteps(
  before: Deployment,
  after: Deployment,
  { manager, server }: RunningEngine,
  { isRestart, isStopped }: StartReason,
): Step[] {
  if (!isRestart && runningParts(before) === runningParts(after)) return []
  const flags = changedArguments(before, after).map(({ name, before: old, after: flag }) => {
    if (flag === undefined) return `without ${old ?? name}`
    return `with ${flag}${old === undefined ? ' (new)' : ` (was: ${old})`}`
  })
  const what = flags.length === 0 ? 'with the same arguments' : flags.join(', ')
  const moved = before.placement.node !== after.placement.node
  const command = serveCommand(after, server)
  if (manager?.kind === 'pod') return podSteps(before, after, manager, { what, command, hasFlags: flags.length > 0 })
  if (manager?.kind === 'unit') return [unitStep(after, manager, { what, command, moved, hasFlags: flags.length > 0 })]
  const where = moved ? ` on ${after.placement.node}` : ''
  const isRunning = !moved && !isStopped
  const ways =
    'In Kubernetes, Compose or systemd, change the arguments in the manifest, the file or the unit, and apply it: that stops and starts the engine.'
  return [
    {
      title: isRunning ? `Stop the engine and start it ${what}.` : `Start the engine${where} ${what}.`,
      commands: [...(isRunning ? stopCommands : []), command],
      note: [...(isRunning ? [stopNote] : []), ways, ...unstated(after)].join(' '),
    },
  ]
}

/** Words of a start. */
interface Words {
  /** The arguments that differ, in words. */
  readonly what: string
  /** The whole command that starts the engine. */
  readonly command: string
  /** Whether any argument differs. */
  readonly hasFlags: boolean
}

/** A manifest holds the arguments. A change of image, environment or limits replaces the pod by itself. */
function podSteps(before: Deployment, after: Deployment, pod: Pod, { what, command, hasFlags }: Words): Step[] {
  const wait = `${kubectl(pod)} rollout status ${owner}`
  const { node } = after.placement
  const moved = before.placement.node !== node
  // The pods of other nodes are workers. When they are replaced, the engine must start again, too.
  const own = [before, after].map(({ image, env, resources }) => canonicalJson({ image, env, resources }))
  const isReplaced = own[0] !== own[1] && hostsOf(after).length === 1
  if (hasFlags) {
    return [
      {
        title: `The command of the container ${pod.container}, for its manifest: ${what}.`,
        commands: [command],
        note: unstated(after).join(' ') || null,
      },
      {
        title: `Put this command into the owner of the pod ${podName(pod)}. That stops the engine and starts it again.`,
        commands: [`${kubectl(pod)} edit ${owner}`, wait],
        note: ownerNote(pod),
      },
    ]
  }
  if (moved) {
    return [
      {
        title: `Check that the pod ${podName(pod)} starts on ${node}, with the same arguments.`,
        commands: [`${kubectl(pod)} get pod ${pod.name} -o wide`, wait],
        note: `The drain moves the pod by itself, to any free node. ${ownerNote(pod)}`,
      },
      {
        title: `Without Kubernetes: start the engine on ${node} with the same arguments.`,
        commands: [command],
        note: null,
      },
    ]
  }
  return [
    {
      title: isReplaced
        ? 'Wait until the pod is ready. Its arguments stay the same.'
        : `Restart the pod ${podName(pod)} with the same arguments.`,
      commands: [...(isReplaced ? [] : [`${kubectl(pod)} rollout restart ${owner}`]), wait],
      note: [
        ownerNote(pod),
        // A StatefulSet waits for a broken pod, for ever (Kubernetes, "Forced rollback").
        ...(isReplaced
          ? [
              `A StatefulSet does not replace a pod that never became ready: delete it with ${kubectl(pod)} delete pod ${pod.name}.`,
            ]
          : []),
        before.image === after.image
          ? `Without Kubernetes, stop the engine and run: ${command}`
          : `Without Kubernetes, stop the engine, and run in a container of ${after.image}: ${command}`,
      ].join(' '),
    },
  ]
}

/** The unit holds the whole command. */
function unitStep(
  { placement: { node } }: Deployment,
  { name }: Unit,
  { what, command, moved, hasFlags }: Words & { readonly moved: boolean },
): Step {
  const where = moved ? ` on ${node}` : ''
  return {
    title: moved ? `Start the engine${where} ${what}.` : `Stop the engine and start it ${what}.`,
    commands: [...(hasFlags ? [`systemctl edit --full ${name}`] : []), `systemctl restart ${name}`],
    note: `ExecStart of the unit is then: ${command}`,
  }
}

/** Everything that a running engine cannot change. */
function runningParts({ routing: _, history: __, config_id: ___, ...parts }: Deployment): string {
  return canonicalJson(parts)
}

/** A warning if the files do not state all arguments. */
function unstated({ engine_args, model }: Deployment): readonly string[] {
  const known = Object.keys(engine_args).length > 0 && model !== unknown
  return known ? [] : ['No file states all arguments, so keep those that you have.']
}

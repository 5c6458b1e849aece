/** Last patch release of vLLM's minor versions, where it is not `.0`. */
const lastPatch: Readonly<Record<number, number>> = { 8: 5, 9: 2, 10: 2, 11: 2, 14: 1, 15: 1 }

/**
 * The image of the minor release before: `vllm/vllm-openai:v0.15.0` gives `vllm/vllm-openai:v0.14.1`. The version comes
 * from the tag, or, where the tag is one like `latest`, from what the engine reports.
 *
 * @returns `undefined` where no version is known
 */
export function previousImage(image = '', reported = ''): string | undefined {
  const [, repository, tag = ''] = /^(.+):([\w.-]+)$/.exec(image) ?? []
  const version = /^v?0\.(\d+)\.\d+/
  const minor = Number((version.exec(tag) ?? version.exec(reported))?.[1] ?? 0)
  return repository === undefined || minor < 1
    ? undefined
    : `${repository}:v0.${minor - 1}.${lastPatch[minor - 1] ?? 0}`
}

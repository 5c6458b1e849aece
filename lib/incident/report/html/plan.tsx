/* @jsxRuntime automatic @jsxImportSource preact */
import type { FixAction } from '../../../../tools/types.ts'
import type { ReportDocument } from '../report-schema.ts'
import { Badge, Part, sentences, Table, type Tone } from './parts.tsx'

type Attempt = ReportDocument['attempts'][number]

const attemptBadges: Readonly<Record<Attempt['status'], readonly [Tone, string]>> = {
  improved: ['good', '✓ improved'],
  unchanged: ['neutral', '= unchanged'],
  regressed: ['bad', '✕ regressed'],
  unknown: ['neutral', '? unknown'],
  refused: ['bad', '✕ refused'],
  not_validated: ['neutral', '? not validated'],
}

/** The plan, the differences that it makes in the configuration, and what to expect of it. */
export function changes({ fix_plan: plan, fix_result: result }: ReportDocument) {
  if (plan === null) return null
  return (
    <>
      <ul class="sentences">
        {plan.actions.map((action) => (
          <li>
            <Action action={action} />
          </li>
        ))}
      </ul>
      {result === null ? <p>The fix was not applied.</p> : <Diff diff={result.diff} />}
      <Part title="Expected impact">{sentences(result?.expected_impact ?? [])}</Part>
    </>
  )
}

/** Removed and added values line by line, as in a diff of two files. */
function Diff({ diff }: { readonly diff: NonNullable<ReportDocument['fix_result']>['diff'] }) {
  const shown = diff.filter(({ path }) => !bookkeeping.test(path))
  if (shown.length === 0) return <p>The fix changes nothing in the configuration.</p>
  return (
    <pre class="diff">
      {shown.map(({ path, from, value }) => (
        <>
          {from === undefined ? null : <del>{`- ${settingOf(path)}: ${JSON.stringify(from)}\n`}</del>}
          {value === undefined ? null : <ins>{`+ ${settingOf(path)}: ${JSON.stringify(value)}\n`}</ins>}
        </>
      ))}
    </pre>
  )
}

/** A node that is used is no longer spare. That follows from the change of the node. */
const bookkeeping = /^\/placement\/spare_nodes\b/

/** The place of a setting in words: `/engine_args/max_num_seqs` is the engine argument max_num_seqs. */
function settingOf(path: string): string {
  const [, area = '', ...names] = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (area === 'engine_args' && names.length === 1) return `engine argument ${names[0]}`
  if (area === 'env' && names.length === 1) return `environment variable ${names[0]}`
  const words = [area, ...names].map((part) => (/^\d+$/.test(part) ? `${Number(part) + 1}` : part.replaceAll('_', ' ')))
  return words.join(' › ')
}

/** An action by its name, with its settings as `name=value`. */
function Action({ action: { action: name, ...rest } }: { readonly action: FixAction }) {
  const settings = Object.entries(rest).flatMap(([member, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [[member, value] as const],
  )
  return (
    <>
      <strong>{name}</strong>
      {settings.map(([setting, value]) => (
        <>
          {' '}
          <code>{`${setting}=${typeof value === 'string' ? value : JSON.stringify(value)}`}</code>
        </>
      ))}
    </>
  )
}

/** Other causes, and every plan that was tried. */
export function alternatives({ diagnosis, attempts, validation }: ReportDocument) {
  if (diagnosis.ruled_out.length === 0 && attempts.length === 0) return null
  return (
    <>
      <Part title="Other causes that were considered">{sentences(diagnosis.ruled_out)}</Part>
      <Part title="Plans that were tried in the simulation">
        {attempts.length === 0 ? null : (
          <Table
            caption="Plans that were tried in the simulation"
            header={['Plan', 'Round', 'Verdict', 'Why', 'Actions']}
            numeric={[1]}
            rows={attempts.map(({ round, summary, actions, status, text, is_final }) => [
              <>
                {summary} {is_final ? <strong>(final plan)</strong> : null}
              </>,
              round ?? '–',
              <Badge tone={attemptBadges[status][0]}>{attemptBadges[status][1]}</Badge>,
              // The section on the figures has this text.
              is_final && text === validation.summary ? 'See “Before and after”.' : text,
              actions.map((action) => (
                <div>
                  <Action action={action} />
                </div>
              )),
            ])}
          />
        )}
      </Part>
    </>
  )
}

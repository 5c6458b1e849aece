/** The name of a figure for people, and its unit. */
interface FigureLabel {
  readonly label: string
  readonly unit: string
}

/** Names of figures for people, and their units, by the name that documents have. One table, so that all texts agree. */
const figureLabels = new Map<string, FigureLabel>(
  Object.entries({
    ttft_mean_s: { label: 'time to first token mean', unit: 's' },
    ttft_p95_s: { label: 'time to first token p95', unit: 's' },
    inter_token_mean_s: { label: 'inter-token latency mean', unit: 's' },
    e2e_mean_s: { label: 'end-to-end latency mean', unit: 's' },
    e2e_p95_s: { label: 'end-to-end latency p95', unit: 's' },
    served: { label: 'served requests', unit: 'requests' },
    served_per_s: { label: 'served requests', unit: '1/s' },
    generation_tokens_per_s: { label: 'generated tokens', unit: '1/s' },
    stalled_share: { label: 'share of streams that pause longer than the limit', unit: 'share' },
    stall_excess: { label: 'excess of the longest pauses over the limit', unit: 'share' },
  }),
)

/** The name of a figure for people, with its unit. An unknown figure keeps its name and has no unit. */
export function figureLabel(figure: string): FigureLabel {
  return figureLabels.get(figure) ?? { label: figure, unit: '' }
}

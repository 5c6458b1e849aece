/** The style sheet of the page, without double quotes, which Preact escapes. The page's policy has its hash, so the page can contain no other style. */
export const styles = `
/* Colours. Text has a contrast of at least 4.5 to its ground in both schemes (WCAG AA). */
:root {
  color-scheme: light dark;
  --ground: #ffffff; --surface: #f5f6f8; --line: #d9dde3; --text: #1a1f27; --soft: #545d6a; --link: #0b57c2;
  --good: #14663a; --good-ground: #e3f4e9; --bad: #a3161f; --bad-ground: #fdeaea;
  --warning: #7a4b00; --warning-ground: #fdf1d9; --neutral: #434b57; --neutral-ground: #eaedf1;
  --before: #b3470d; --after: #1159b5; --limit: #5b3fa8; --mark: #fff3c4; --mark-text: #1a1f27;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #11151b; --surface: #1a2029; --line: #333c48; --text: #e7ebf0; --soft: #a3adba; --link: #85b4ff;
    --good: #7fdba3; --good-ground: #143524; --bad: #ff9d9d; --bad-ground: #431c1f;
    --warning: #f5c66b; --warning-ground: #3b2d10; --neutral: #c3cad4; --neutral-ground: #2a323d;
    --before: #ff9a5c; --after: #79b8ff; --limit: #c3adff; --mark: #4a3f12; --mark-text: #fff6d6;
  }
}
/* Long words of logs break anywhere, so that the page is never wider than the screen. */
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem 1rem; z-index: 1; }
/* The page: contents beside the report on a wide screen, above it on a narrow one. */
.page { display: grid; grid-template: 'nav head' auto 'nav main' 1fr / 12rem minmax(0, 1fr); gap: 0 3rem; max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
header { grid-area: head; }
main { grid-area: main; }
nav { grid-area: nav; position: sticky; top: 2.5rem; align-self: start; font-size: .875rem; }
nav ul { list-style: none; margin: 0; padding: 0 0 0 .9rem; border-left: 2px solid var(--line); }
nav a { display: block; padding: .2rem 0; color: var(--soft); text-decoration: none; }
nav a:hover { color: var(--link); text-decoration: underline; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 0 0 1rem; font-size: 1.35rem; line-height: 1.3; letter-spacing: -.005em; }
h3 { margin: 0 0 .5rem; font-size: 1rem; line-height: 1.4; }
p { margin: 0 0 .6rem; }
code, pre, .log { font-family: var(--mono); font-size: .85em; }
.section { margin-top: 2.5rem; padding-top: 2rem; border-top: 1px solid var(--line); }
.part { margin-top: 1.5rem; }
.kicker { margin: 0 0 .25rem; color: var(--soft); font-size: .875rem; }
.badges { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; }
.headline { font-size: 1.25rem; line-height: 1.45; max-width: 46rem; }
.subtitle { margin: .35rem 0 0; color: var(--soft); }
.facts .quote { margin-bottom: .6rem; padding-left: .7rem; border-left: 4px solid var(--warning); }
.note { color: var(--soft); font-size: .875rem; }
.prose { max-width: 46rem; }
.notice { margin: 1rem 0 0; padding: .6rem .9rem; border-left: 4px solid var(--warning); background: var(--warning-ground); color: var(--warning); }
.notice.error { border-color: var(--bad); background: var(--bad-ground); color: var(--bad); }
/* A badge has a sign or a word besides its colour. */
.badge { display: inline-block; padding: .05rem .6rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8125rem; font-weight: 600; margin-right: .35rem; }
.good { color: var(--good); background: var(--good-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.warning { color: var(--warning); background: var(--warning-ground); }
.neutral { color: var(--neutral); background: var(--neutral-ground); }
.facts { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin: 0 0 1.25rem; }
.facts > div { padding: 1rem 1.15rem .6rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--surface); }
.facts > .wide { grid-column: 1 / -1; }
dt { color: var(--soft); font-size: .8125rem; font-weight: 600; }
dd { margin: .2rem 0 0; }
.figure { font-weight: 600; }
.cause { font-size: 1.1rem; font-weight: 600; line-height: 1.4; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); gap: .9rem 1.5rem; margin: 0; }
.sentences { margin: 0; padding-left: 1.3rem; max-width: 50rem; }
.sentences > li { margin: .25rem 0; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 0 2rem; }
.steps { margin: 0; padding-left: 1.3rem; }
.steps > li { margin: 0 0 1rem; }
.step-title { margin-bottom: .35rem; }
pre { margin: 0 0 .5rem; padding: .75rem .9rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--surface); white-space: pre-wrap; line-height: 1.5; }
.commands code { font-size: 1em; user-select: all; }
.hint, .to-top { display: none; }
.to-top { margin: 1rem 0 0; font-size: .875rem; }
/* Events, quotes and log lines. */
.timeline, .evidence { list-style: none; margin: 0; padding: 0; }
.timeline > li { position: relative; padding: 0 0 .9rem 1.4rem; border-left: 2px solid var(--line); margin-left: .4rem; }
.timeline > li::before { content: ''; position: absolute; left: -.4rem; top: .45rem; width: .65rem; height: .65rem; border-radius: 50%; background: var(--ground); border: 2px solid var(--soft); }
.timeline > .cited::before { background: var(--warning); border-color: var(--warning); }
.place { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .75rem; margin: 0 0 .25rem; color: var(--soft); font-size: .875rem; }
.place strong { color: var(--text); }
.source { font-weight: 600; color: var(--text); }
.log { margin: 0; white-space: pre-wrap; }
.cited .log, mark { background: var(--mark); color: var(--mark-text); }
.evidence > li { margin-bottom: 1.1rem; }
.evidence .log { border-left: 4px solid var(--warning); }
.evidence .ungrounded .log { border-left-color: var(--bad); border-left-style: dashed; }
.ungrounded mark { background: none; color: inherit; text-decoration: line-through; }
/* Tables scroll inside the page. */
.scroller { overflow-x: auto; margin-bottom: 1rem; border: 1px solid var(--line); border-radius: .5rem; overflow-wrap: normal; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .45rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; min-width: 7rem; }
tbody th { font-weight: 400; min-width: 11rem; }
td .badge { white-space: nowrap; margin: 0; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { background: var(--surface); color: var(--soft); font-size: .8125rem; font-weight: 600; }
.number, tbody .number { min-width: 3.5rem; text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
/* Signs at the start of each line say what was removed and added. */
.diff { padding: .75rem 0; }
.diff del, .diff ins { display: block; padding: 0 .9rem; text-decoration: none; }
.diff del { background: var(--bad-ground); color: var(--bad); }
.diff ins { background: var(--good-ground); color: var(--good); }
/* Plots. Lines differ in their dashes, too, so that nobody needs the colours. */
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; }
figcaption { font-weight: 600; font-size: .9rem; margin-bottom: .35rem; }
svg { display: block; width: 100%; height: auto; }
.chart { min-width: 0; }
.chart details { font-size: .875rem; }
summary { cursor: pointer; color: var(--link); }
.grid { stroke: var(--line); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.tick, .mark, .bar-label { font-size: 11px; fill: var(--soft); }
.mark { font-weight: 600; fill: var(--text); paint-order: stroke; stroke: var(--ground); stroke-width: 3px; stroke-linejoin: round; }
.end { text-anchor: end; }
.inside { fill: var(--ground); }
.middle { text-anchor: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.before { stroke-width: 4; }
.before { stroke: var(--before); }
.after { stroke: var(--after); stroke-dasharray: 6 3; }
.limit { stroke: var(--limit); stroke-width: 2; stroke-dasharray: 2 3; }
.limit-point { fill: var(--ground); stroke: var(--limit); stroke-width: 2; }
.onset { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 8 3 2 3; }
.trigger { stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 2 2; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; list-style: none; margin: 0; padding: 0; font-size: .875rem; }
.legend li { display: flex; align-items: center; gap: .5rem; }
.legend svg { width: 2rem; flex: none; }
.rounds { margin-bottom: 1.25rem; }
.rounds svg { min-width: 36rem; padding: .5rem; }
.bar.model { fill: var(--before); }
.bar.tool { fill: var(--after); }
.bar.failed { fill: var(--ground); stroke: var(--bad); stroke-width: 2; }
@media (max-width: 56rem) {
  .page { display: block; padding: 1.25rem 1rem 3rem; }
  nav { position: static; margin: 1.25rem 0 0; }
  nav ul { display: flex; flex-wrap: wrap; gap: 0 1rem; border: 0; padding: 0; }
  .to-top { display: block; }
}
@media (max-width: 36rem) {
  .facts { grid-template-columns: minmax(0, 1fr); }
  h1 { font-size: 1.5rem; }
  .headline { font-size: 1.1rem; }
  td .badge { white-space: normal; }
  .hint { display: block; }
  /* Each row of these tables is a card: its name, and below it its cells with the names of their columns. */
  .stacked thead { display: none; }
  .stacked, .stacked tbody { display: block; }
  .stacked tr { display: grid; grid-template-columns: 1fr 1fr; padding: .5rem .8rem; border-bottom: 1px solid var(--line); }
  .stacked tr:last-child { border-bottom: 0; }
  .stacked th, .stacked td { min-width: 0; padding: .15rem 0; border: 0; text-align: left; white-space: normal; }
  .stacked tbody th { grid-column: 1 / -1; font-weight: 600; min-width: 0; }
  .stacked tr:has(> td:nth-child(4):last-child) > td:nth-child(2) { grid-column: 1 / -1; }
  .stacked tr > td:nth-child(n+6) { grid-column: 1 / -1; }
  .stacked td::before { content: attr(data-label) ': '; color: var(--soft); font-size: .8125rem; }
}
/* Readers who get sick from moving pages. */
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
/* Paper is light, and has no links and no closed parts. */
@media print {
  :root { color-scheme: light; }
  html { font-size: 10pt; }
  mark, pre, .badge, .notice, .bar { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav, .skip, .to-top, .chart details { display: none; }
  /* What is folded on a screen is printed. */
  details::details-content { content-visibility: visible; height: auto; }
  .page { display: block; padding: 0; max-width: none; }
  .section { margin-top: 1.25rem; padding-top: 1rem; }
  .scroller { overflow: visible; }
  figure, tr, .evidence > li, .timeline > li, .facts > div { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`

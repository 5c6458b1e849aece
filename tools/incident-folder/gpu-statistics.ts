import type { Document } from '../../fixtures/deployment.ts'

// Reads what nvidia-smi printed: `nvidia-smi`, `nvidia-smi -q`, or `nvidia-smi --query-gpu=… --format=csv`.

const observed = { type: ['number', 'null'] } as const
const shownText = { type: ['string', 'null'] } as const

const eccCount = { type: ['integer', 'null'], minimum: 0 } as const

/** JSON Schema of the counters of memory errors. */
export const eccSchema = {
  type: ['object', 'null'],
  description:
    'Memory errors since the driver was loaded, and (aggregate) in the life of the GPU. null: not counted or not known.',
  additionalProperties: false,
  required: ['corrected', 'uncorrected', 'aggregate_corrected', 'aggregate_uncorrected'],
  properties: {
    corrected: eccCount,
    uncorrected: eccCount,
    aggregate_corrected: eccCount,
    aggregate_uncorrected: eccCount,
  },
} as const

/** JSON Schema of the state of remapped memory rows. */
export const rowRemapSchema = {
  type: ['object', 'null'],
  description:
    'pending: a damaged row is replaced when the GPU is reset. failed: it could not be replaced. null: not known.',
  additionalProperties: false,
  required: ['pending', 'failed'],
  properties: { pending: { type: ['boolean', 'null'] }, failed: { type: ['boolean', 'null'] } },
} as const

/** JSON Schema of one GPU as nvidia-smi showed it. `null`: not in the file, or `[N/A]`. */
export const observedGpuSchema = {
  type: 'object',
  required: ['id', 'name', 'driver', 'util', 'mem_util', 'mem_used_gb', 'mem_total_gb', 'power_w', 'temp_c'],
  properties: {
    id: { type: 'integer', minimum: 0, description: 'Index on the node.' },
    name: { ...shownText, description: 'Product name.' },
    driver: { ...shownText, description: 'Driver version.' },
    util: { ...observed, description: 'Utilisation of compute in percent.' },
    mem_util: { ...observed, description: 'Utilisation of memory bandwidth in percent.' },
    mem_used_gb: { ...observed, description: 'GiB.' },
    mem_total_gb: { ...observed, description: 'GiB.' },
    power_w: { ...observed, description: 'Watts.' },
    temp_c: { ...observed, description: '°C.' },
    mem_temp_c: { ...observed, description: 'Temperature of the memory, °C.' },
    pci_bus_id: { ...shownText, description: 'PCI address, as lspci -D shows it.' },
    free: { type: ['boolean', 'null'], description: 'Whether no process uses the GPU.' },
    ecc: eccSchema,
    row_remap: rowRemapSchema,
  },
} as const

/** One GPU as nvidia-smi showed it. */
export type ObservedGpu = Document<typeof observedGpuSchema>

/** Reads a CSV table with a header. Of several rows of one GPU the last counts. */
export function gpusOfTable(text: string): readonly ObservedGpu[] {
  const [header = '', ...rows] = text.split('\n').filter((line) => line.trim() !== '')
  const columns = header.split(',').map((name) => name.trim().toLowerCase())
  const gpus = new Map<number, ObservedGpu>()
  for (const [position, row] of rows.entries()) {
    const cells = row.split(',').map((cell) => cell.trim())
    // A row that is cut off has fewer cells.
    if (cells.length !== columns.length) continue
    const cell = (...names: string[]) => cells[columns.findIndex((name) => names.includes(name.replace(/ \[.*/, '')))]
    const unit = (name: string) => columns.find((column) => column.startsWith(name)) ?? ''
    const id = numberOf(cell('index')) ?? position
    gpus.set(id, {
      id,
      name: textOf(cell('name', 'gpu_name')),
      driver: textOf(cell('driver_version')),
      util: numberOf(cell('utilization.gpu')),
      mem_util: numberOf(cell('utilization.memory')),
      mem_used_gb: gibOf(cell('memory.used'), unit('memory.used')),
      mem_total_gb: gibOf(cell('memory.total'), unit('memory.total')),
      power_w: numberOf(cell('power.draw', 'power.draw.instant', 'power.draw.average')),
      temp_c: numberOf(cell('temperature.gpu')),
    })
  }
  return [...gpus.values()]
}

/** Reads the sections `GPU 00000000:17:00.0` of `nvidia-smi -q`, in their order. */
export function gpusOfQuery(text: string): readonly ObservedGpu[] {
  const driver = textOf(/^Driver Version\s*:\s*(.+)$/m.exec(text)?.[1])
  const sections = text.split(/^GPU [\dA-Fa-f]+:[\dA-Fa-f:.]+\s*$/m).slice(1)
  const addresses = [...text.matchAll(/^GPU [\dA-Fa-f]*?([\dA-Fa-f]{4}:[\dA-Fa-f]{2}:[\dA-Fa-f.]+)\s*$/gm)]
  // `nvidia-smi -q -i 3` prints one of several GPUs.
  const isPart = (numberOf(/^Attached GPUs\s*:\s*(\d+)/m.exec(text)?.[1]) ?? 0) > sections.length
  return sections.map((section, position) => {
    const value = (pattern: RegExp) => pattern.exec(section)?.[1]
    const block = (name: string) => new RegExp(`^ {4}${name}\\s*\\n((?: {8,}.*\\n?)+)`, 'm').exec(section)?.[1] ?? ''
    const memory = block('FB Memory Usage')
    const utilization = block('Utilization')
    const minor = numberOf(value(/^ +Minor Number\s*:\s*(\d+)/m))
    return {
      id: isPart ? (minor ?? position) : position,
      driver,
      name: textOf(value(/^ +Product Name\s*:\s*(.+)$/m)),
      util: numberOf(/^ +(?:Gpu|GPU)\s*:\s*(.+)$/m.exec(utilization)?.[1]),
      mem_util: numberOf(/^ +Memory\s*:\s*(.+)$/m.exec(utilization)?.[1]),
      mem_used_gb: gibOf(/^ +Used\s*:\s*(.+)$/m.exec(memory)?.[1]),
      mem_total_gb: gibOf(/^ +Total\s*:\s*(.+)$/m.exec(memory)?.[1]),
      power_w: numberOf(value(/^ +(?:Instantaneous Power Draw|Average Power Draw|Power Draw)\s*:\s*(\d.*)$/m)),
      temp_c: numberOf(value(/^ +GPU Current Temp\s*:\s*(.+)$/m)),
      mem_temp_c: numberOf(value(/^ +Memory Current Temp\s*:\s*(.+)$/m)),
      pci_bus_id: addresses[position]?.[1]?.toLowerCase() ?? null,
      free: /^ +Processes\s*:\s*None\s*$/m.test(section) ? true : /^ +Process ID\s*:/m.test(section) ? false : null,
      ecc: eccOf(block('ECC Errors')),
      row_remap: rowRemapOf(block('Remapped Rows')),
    }
  })
}

/** The counters of the block `ECC Errors`. Each kind of memory has its own line. */
function eccOf(block: string): NonNullable<ObservedGpu['ecc']> | null {
  const [volatile = '', aggregate = ''] = block.split(/^ +Aggregate\s*$/m)
  const sum = (part: string, kind: RegExp) => {
    const counts = part.split('\n').flatMap((line) => {
      const [, name = '', count] = /^ +(.+?)\s*:\s*(\d+)\s*$/.exec(line) ?? []
      return count !== undefined && kind.test(name) ? [Number(count)] : []
    })
    return counts.length === 0 ? null : counts.reduce((total, count) => total + count, 0)
  }
  const corrected = /^(?:SRAM|DRAM) Correctable$/
  const uncorrected = /^(?:SRAM|DRAM) Uncorrectable/
  const ecc = {
    corrected: sum(volatile, corrected),
    uncorrected: sum(volatile, uncorrected),
    aggregate_corrected: sum(aggregate, corrected),
    aggregate_uncorrected: sum(aggregate, uncorrected),
  }
  return Object.values(ecc).every((count) => count === null) ? null : ecc
}

/** The block `Remapped Rows`. */
function rowRemapOf(block: string): NonNullable<ObservedGpu['row_remap']> | null {
  const answer = (name: string) => {
    const text = new RegExp(`^ +${name}\\s*:\\s*(Yes|No)`, 'm').exec(block)?.[1]
    return text === undefined ? null : text === 'Yes'
  }
  const pending = answer('Pending')
  const failed = answer('Remapping Failure Occurred')
  return pending === null && failed === null ? null : { pending, failed }
}

/**
 * Reads the table that nvidia-smi prints without options: two rows for each GPU. Of several tables the last counts. A name
 * that the table cuts off, such as `NVIDIA A100-SXM...`, is not known.
 */
export function gpusOfSummary(text: string): readonly ObservedGpu[] {
  const driver = textOf(/\bDriver Version:\s*([\d.]+)/.exec(text)?.[1])
  const gpus = new Map<number, ObservedGpu>()
  const lines = text.split('\n')
  for (const [index, line] of lines.entries()) {
    const [, id, name] =
      /^\|\s*(\d+)\s+(\S.*?)\s+(?:On|Off|N\/A|ERR!)\s*\|\s*[\dA-Fa-f]{4,8}:[\dA-Fa-f:.]+/.exec(line) ?? []
    if (id === undefined) continue
    const figures = lines[index + 1] ?? ''
    const value = (pattern: RegExp) => pattern.exec(figures)?.[1]
    gpus.set(Number(id), {
      id: Number(id),
      driver,
      name: textOf(/\.\.\.$/.test(name ?? '') ? undefined : name),
      util: numberOf(value(/\|\s*(\d+)%/)),
      mem_util: null,
      mem_used_gb: gibOf(value(/(\d+MiB)\s*\//)),
      mem_total_gb: gibOf(value(/\/\s*(\d+MiB)/)),
      power_w: numberOf(value(/(\d+)W\s*\//)),
      temp_c: numberOf(value(/\s(\d+)C\s/)),
    })
  }
  return [...gpus.values()]
}

/** Messages by which nvidia-smi says that it cannot read a GPU or the driver. */
const failure =
  /^(?:Unable to determine the device handle for|NVIDIA-SMI has failed|Failed to initialize NVML|No devices were found|GPU is lost|Unable to determine)/

/** The lines in which nvidia-smi says that it cannot read a GPU or the driver. */
export function failuresOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return [...new Set(lines.filter((line) => failure.test(line)))]
}

function textOf(text: string | undefined): string | null {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' || /^\[?N\/A\]?$|not supported/i.test(trimmed) ? null : trimmed
}

/** The number at the start of a cell such as `98 %`. */
function numberOf(text: string | undefined): number | null {
  const number = /^\s*(-?\d+(?:\.\d+)?)/.exec(text ?? '')?.[1]
  return number === undefined ? null : Number(number)
}

/** nvidia-smi prints MiB, also where the unit is left out. */
function gibOf(text: string | undefined, header = ''): number | null {
  const number = numberOf(text)
  if (number === null) return null
  const isGib = /GiB/i.test(text ?? '') || /GiB/i.test(header)
  return Math.round((isGib ? number : number / 1024) * 10) / 10
}

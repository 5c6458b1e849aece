import { expect, test } from 'vitest'
import { runTool } from '../../router/run-tool.ts'
import { gpusOfQuery } from '../../tools/incident-folder/gpu-statistics.ts'
import { fetchGpuStats } from '../../tools/index.ts'
import { classifyLogLines } from '../../tools/logs/classify-log-lines.ts'
import { call } from './call.ts'

test('a GPU with a pending row remap shows its address and its errors', async () => {
  const { gpus } = await call(fetchGpuStats, { scenario: 'cuda_ecc_uncorrectable' })
  expect(gpus[5]).toMatchObject({
    pci_bus_id: '0000:90:00.0',
    ecc: { corrected: 0, uncorrected: 2, aggregate_corrected: 0, aggregate_uncorrected: 2 },
    row_remap: { pending: true, failed: false },
  })
  expect(gpus[0]).toMatchObject({ row_remap: { pending: false, failed: false } })
})

test('GPUs without a process are free, and a GPU that counts no errors has null', async () => {
  const { gpus } = await call(fetchGpuStats, { scenario: 'healthy_control' })
  expect(gpus.map(({ free }) => free)).toEqual([false, false, false, false, true, true, true, true])
  const [gpu] = (await call(fetchGpuStats, { scenario: 'vllm_cuda_oom' })).gpus
  expect(gpu).toMatchObject({ pci_bus_id: '0000:01:00.0', ecc: null, row_remap: null })
})

test('the model is shown counters only where there are errors', async () => {
  const { content } = await runTool(fetchGpuStats, { scenario: 'cuda_ecc_uncorrectable' })
  expect(content.match(/"ecc"/g)).toHaveLength(2)
  expect(content.match(/"row_remap"/g)).toHaveLength(1)
  expect(content.match(/"pci_bus_id"/g)).toHaveLength(8)
})

test('nvidia-smi -q states addresses, errors, remapped rows and processes', () => {
  const query = `Driver Version                            : 570.133.20
Attached GPUs                             : 2
GPU 00000000:07:00.0
    Product Name                          : NVIDIA A100-SXM4-80GB
    ECC Errors
        Volatile
            SRAM Correctable              : 0
            SRAM Uncorrectable            : 0
            DRAM Correctable              : 3
            DRAM Uncorrectable            : 1
        Aggregate
            SRAM Correctable              : 0
            SRAM Uncorrectable            : 0
            DRAM Correctable              : 9
            DRAM Uncorrectable            : 2
    Remapped Rows
        Correctable Error                 : 0
        Uncorrectable Error               : 2
        Pending                           : Yes
        Remapping Failure Occurred        : No
    Temperature
        GPU Current Temp                  : 34 C
        Memory Current Temp               : 41 C
    Processes
        GPU instance ID                   : N/A
        Process ID                        : 48316
GPU 00000000:0F:00.0
    Product Name                          : NVIDIA A100-SXM4-80GB
    ECC Errors                            : N/A
    Processes                             : None
`
  expect(gpusOfQuery(query)).toMatchObject([
    {
      pci_bus_id: '0000:07:00.0',
      mem_temp_c: 41,
      free: false,
      ecc: { corrected: 3, uncorrected: 1, aggregate_corrected: 9, aggregate_uncorrected: 2 },
      row_remap: { pending: true, failed: false },
    },
    { pci_bus_id: '0000:0f:00.0', mem_temp_c: null, free: true, ecc: null, row_remap: null },
  ])
})

test('the finding of an Xid spells its procedure out and says which code decides', () => {
  const detail = (text: string) => classifyLogLines([text])[0]?.detail
  expect(detail("NVRM: Xid (PCI:0000:90:00): 48, pid='<unknown>', name=<unknown>, DBE")).toContain(
    'WORKFLOW_XID_48 (drain the GPU and reset it',
  )
  expect(detail('NVRM: Xid (PCI:0000:90:00): 94, pid=1, name=x, Contained')).toContain('a restart is not enough')
  expect(
    detail(
      'NVRM: Xid (PCI:0000:90:00): 63, pid=1, name=x, Row Remapper: New row marked for remapping, reset gpu to activate.',
    ),
  ).toContain('the remap is pending')
})

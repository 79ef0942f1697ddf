/** The account of a run: cycles, traffic, use of links and PEs, SRAM and energy. */
import type { FabricCore } from './cores/core.js';
import type { Tables } from './cores/tables.js';
import { PORT_COUNT, RAMP } from './geometry.js';
import type { Mesh } from './mesh.js';

/** What the local work of the CEs added up to. */
export interface LocalTotals {
  /** By CE. */
  readonly busyCycles: Float64Array;
  macs: number;
  sramBytes: number;
}

export interface FabricResult {
  readonly cycles: number;
  /** Wavelets that CEs put onto the fabric. */
  readonly wavelets: number;
  /** Wavelets that CEs took from it; multicast makes this the larger number. */
  readonly delivered: number;
  readonly copied: number;
  readonly hops: number;
  /** Share of cycles in which a link that was used at all carried a wavelet: mean and busiest. */
  readonly linkUtilisation: { readonly mean: number; readonly max: number };
  /** Share of cycles in which a CE's arithmetic worked: mean and busiest. */
  readonly peUtilisation: { readonly mean: number; readonly max: number };
  /** Data and code of the fullest PE. */
  readonly sramHighWaterBytes: number;
  readonly macs: number;
  readonly energyPj: number;
}

export function account(
  mesh: Mesh,
  { workers }: Tables,
  core: FabricCore,
  totals: LocalTotals,
  cycles: number,
): FabricResult {
  const { injected, copied, delivered, hops } = core.counters();
  let links = 0;
  let busiest = 0;
  for (const [link, load] of core.linkLoads().entries()) {
    if (link % PORT_COUNT === RAMP || load === 0) continue;
    links++;
    busiest = Math.max(busiest, load);
  }
  let busy = 0;
  let busiestPe = 0;
  let folds = 0;
  for (const [ce, local] of totals.busyCycles.entries()) {
    const folded = core.aluCycles(ce);
    busy += local + folded;
    busiestPe = Math.max(busiestPe, local + folded);
    folds += folded;
  }
  const { macs, sramBytes } = totals;
  const { energyPjPerHop, energyPjPerMacF16, energyPjPerMacF32, energyPjPerSramByte } = mesh.numbers;
  const half = workers.some((pe) => pe.buffers.some((buffer) => buffer.type === 'f16'));
  const perMac = half ? energyPjPerMacF16 : energyPjPerMacF32;
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    cycles,
    wavelets: injected,
    delivered,
    copied,
    hops,
    linkUtilisation: { mean: share(hops, links * cycles), max: share(busiest, cycles) },
    peUtilisation: { mean: share(busy, totals.busyCycles.length * cycles), max: share(busiestPe, cycles) },
    sramHighWaterBytes: mesh.sramHighWaterBytes,
    macs,
    energyPj: hops * energyPjPerHop + (macs + folds) * perMac + sramBytes * energyPjPerSramByte,
  };
}

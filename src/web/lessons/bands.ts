/** The all-reduces of a decode layer, found in its recording: every one ends with a flood on every PE. */
import type { Recording } from '../wafer/record/recording.js';

export interface Band {
  /** The local work whose results are added up. */
  readonly after: string;
  readonly startCycle: number;
  readonly endCycle: number;
  /** Wavelets that CEs put for it. */
  readonly wavelets: number;
}

export function allreducesOf(recording: Recording): Band[] {
  const { spans, header } = recording;
  const { starts, ends } = spans.intervals;
  const bands: { after: string; startCycle: number; endCycle: number; wavelets: number }[] = [];
  /** Of each PE: where its next all-reduce begins, which one it is, the last local work before it. */
  const turn = new Uint32Array(recording.pes.length);
  const last = Array<string>(recording.pes.length).fill('');
  /** By PE: the end of each of its all-reduces. */
  const limits: number[][] = recording.pes.map(() => []);
  for (const [span, pe] of spans.pe.entries()) {
    const name = header.names[spans.name[span]!]!;
    if (header.ops[spans.name[span]!] === null) {
      last[pe] = name;
      continue;
    }
    const number = turn[pe]!;
    const [start, end] = [starts[span]!, ends[span]!];
    const band = bands[number];
    if (band === undefined)
      bands[number] = { after: last[pe]!, startCycle: start, endCycle: end, wavelets: 0 };
    else {
      band.startCycle = Math.min(band.startCycle, start);
      band.endCycle = Math.max(band.endCycle, end);
    }
    if (name.endsWith('flood')) {
      turn[pe]!++;
      limits[pe]!.push(end);
    }
  }
  for (let move = 0; move < header.moves; move++) {
    const way = recording.way(move);
    if (way.kind !== 'put') continue;
    const number = limits[way.pe]!.findIndex((end) => recording.moves[move * 5]! < end);
    if (number >= 0) bands[number]!.wavelets++;
  }
  return bands;
}

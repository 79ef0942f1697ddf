/** The eight scales and mins of six bits that Q4_K and Q5_K keep in twelve bytes. */
import type { Block } from './quant.js';

/** The first four of each are the low bits of bytes 0-7; the others are nibbles of bytes 8-11 under the high bits of 0-7. */
export function readScales(view: DataView, offset: number, into: Block): void {
  for (let s = 0; s < 4; s++) {
    const scale = view.getUint8(offset + s);
    const min = view.getUint8(offset + 4 + s);
    const pair = view.getUint8(offset + 8 + s);
    into.scales[s] = scale & 63;
    into.mins[s] = min & 63;
    into.scales[4 + s] = (pair & 15) | ((scale >>> 6) << 4);
    into.mins[4 + s] = (pair >>> 4) | ((min >>> 6) << 4);
  }
}

/** The inverse. */
export function writeScales(view: DataView, offset: number, scales: Uint8Array, mins: Uint8Array): void {
  for (let s = 0; s < 4; s++) {
    view.setUint8(offset + s, scales[s]! | ((scales[4 + s]! >>> 4) << 6));
    view.setUint8(offset + 4 + s, mins[s]! | ((mins[4 + s]! >>> 4) << 6));
    view.setUint8(offset + 8 + s, (scales[4 + s]! & 15) | ((mins[4 + s]! & 15) << 4));
  }
}

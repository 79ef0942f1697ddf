/** What a MessagePack frame is made of, counted before anybody reads it, within the bounds of a body. */
import { requireCounts, requireNames } from './shape.js';

/** Of each type from 0xc0 on the bytes that say a length, and those that follow in any case. */
// biome-ignore format: a row for nil and the like, bin, ext, float, uint, int, fixext, str, list, map
const lengthBytes = [0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4];
// biome-ignore format: as above
const fixedBytes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0, 0, 0, 0, 0];
const firstMap = 0x80;
const firstList = 0x90;
const firstText = 0xa0;
const firstHead = 0xc0;
const firstLongList = 0xdc;
const firstLongMap = 0xde;
const lastHead = 0xdf;

/** Throws an ApiError for a frame with more in it than a body may have, and a RangeError for one that is cut off. */
export function requireFrameShape(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let parts = 0;
  let values = 0;
  const container = (names: number): void => {
    requireNames(names);
    parts += 1 + names;
  };
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at++]!;
    values++;
    if (type >= firstMap && type < firstText) container(type < firstList ? type & 0xf : 0);
    else if (type >= firstText && type < firstHead) at += type & 0x1f;
    else if (type >= firstHead && type <= lastHead) {
      const head = lengthBytes[type - firstHead]!;
      const length = lengthAt(view, at, head);
      at += head + fixedBytes[type - firstHead]!;
      if (type >= firstLongList) container(type >= firstLongMap ? length : 0);
      else at += length;
    }
    requireCounts(parts, values);
  }
}

function lengthAt(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at);
    case 4:
      return view.getUint32(at);
    default:
      return 0;
  }
}

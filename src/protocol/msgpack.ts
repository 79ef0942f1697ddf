/** The one file that knows `msgpackr`: plain MessagePack, without its record extension. */
import { Packr, Unpackr } from 'msgpackr';

const options = { useRecords: false, mapsAsObjects: true, int64AsType: 'number' } as const;
const packr = new Packr(options);
const unpackr = new Unpackr(options);

export function packFrame(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** Throws where the bytes are no MessagePack. */
export function unpackFrame(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes);
}

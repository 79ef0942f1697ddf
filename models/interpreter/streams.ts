/** Hyper-connections in float64. */
import { weighStreams as weigh, writeStreams as write } from '../../kernels/streams/reference.js';
import type { OpOf } from '../op.js';
import type { Run } from './run.js';

export function weighStreams(op: OpOf<'weighStreams'>, run: Run): void {
  const [scale, base] = [run.optional(op.scale), run.optional(op.base)];
  run.set(op.out, (p) => weigh(run.get(op.in)[p]!, scale, base, op).values);
}

export function writeStreams(op: OpOf<'writeStreams'>, run: Run): void {
  run.set(op.out, (p) => {
    const [x, from, weights] = [op.in, op.from, op.weights].map((value) => run.get(value)[p]!);
    return write(x!, from!, weights!, op.streams).values;
  });
}

/** Instructions of hyper-connections. */
import { weighStreams, writeStreams } from '../streams/wasm';
import { floatOperand, operand, rowAt, rowsOf, shareFrom, shareTo, worker } from './worker.wasm';

/** A unit of work is a row. */
export function weighStreamsOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 12));
  for (let m = worker; m < rows; m += workers) {
    weighStreams(
      rowAt(i, 0, m), operand(i, 2), operand(i, 3), operand(i, 4) != 0, <usize>operand(i, 5), <usize>operand(i, 6),
      floatOperand(i, 7), floatOperand(i, 8), floatOperand(i, 9), operand(i, 13), rowAt(i, 10, m),
    );
  }
}

export function writeStreamsOp(i: usize, workers: i32): void {
  const rows = rowsOf(operand(i, 11));
  const features = operand(i, 9);
  const first = shareFrom(features, workers);
  const end = shareTo(features, workers);
  for (let m = 0; m < rows; m++) {
    writeStreams(
      rowAt(i, 0, m), rowAt(i, 2, m), rowAt(i, 4, m), operand(i, 8), features, operand(i, 10) != 0, rowAt(i, 6, m),
      first, end,
    );
  }
}

/** The rows of one input as one vector: their mean, which of one row is the row itself. */
export class Pool {
  /** What the model made of the pooled vector; empty before. */
  result: Float32Array = new Float32Array(0);
  private readonly sum: Float64Array;
  private rows = 0;

  constructor(features: number) {
    this.sum = new Float64Array(features);
  }

  /** In the order of their positions, so that bits depend neither on steps nor on who else is in them. */
  add(row: Float32Array): void {
    for (let i = 0; i < row.length; i++) this.sum[i]! += row[i]!;
    this.rows++;
  }

  clear(): void {
    this.sum.fill(0);
    this.rows = 0;
  }

  mean(): Float32Array {
    return Float32Array.from(this.sum, (value) => value / this.rows);
  }
}

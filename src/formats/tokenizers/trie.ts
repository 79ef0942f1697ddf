/** Token texts by their beginnings: which tokens stand at a place of a text. */
import { PairTable } from './pair-table.js';

/** The root, and what a step that leads nowhere gives. */
export const root = 0;
export const nowhere = -1;

export class Trie {
  private readonly children: PairTable;
  private readonly values: number[] = [nowhere];

  /** `expected` is a guess of all units of all keys. */
  constructor(expected: number) {
    this.children = new PairTable(expected);
  }

  /** Adds a key of numbers, UTF-16 units or bytes; of two equal keys the last counts. */
  add(key: ArrayLike<number>, value: number): void {
    let node = root;
    for (let at = 0; at < key.length; at++) {
      let child = this.children.get(node, key[at]!);
      if (child < 0) {
        child = this.values.push(nowhere) - 1;
        this.children.add(node, key[at]!, child);
      }
      node = child;
    }
    this.values[node] = value;
  }

  step(node: number, unit: number): number {
    return this.children.get(node, unit);
  }

  /** The value of the key that ends in this node, or {@link nowhere}. */
  valueOf(node: number): number {
    return this.values[node]!;
  }
}

/** The UTF-16 units of a text. */
export function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let at = 0; at < text.length; at++) units[at] = text.charCodeAt(at);
  return units;
}

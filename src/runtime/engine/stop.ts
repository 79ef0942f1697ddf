/**
 * Stop strings over streamed text, by the automaton of Aho and Corasick ("Efficient string matching", 1975): time
 * linear in the text and in the stop strings, whatever the chunks. Works on UTF-16 code units.
 */

/** A node of the automaton stands for the first `depth` units of stop string `stop`. */
interface Node {
  readonly stop: number;
  readonly depth: number;
  /** The node of the longest proper suffix that is a prefix of a stop string. */
  fail: number;
  /** Length of the longest stop string that ends here; 0 for none. */
  match: number;
}

/**
 * Passes text on up to the first stop string. The match that ends first wins; of those that end together, the
 * longest. Held back is only the longest end of the text that a stop string starts with.
 */
export class StopMatcher {
  private readonly nodes: Node[] = [{ stop: 0, depth: 0, fail: 0, match: 0 }];
  /** Child of a node by node * 2^16 + unit. */
  private readonly children = new Map<number, number>();
  private readonly stops: readonly string[];
  /** Where the automaton stands; -1 after a stop string. */
  private node = 0;
  private match: string | null = null;

  /** @param stops non-empty strings */
  constructor(stops: readonly string[]) {
    this.stops = stops;
    for (const [stop, text] of stops.entries()) this.insert(stop, text);
    this.link();
  }

  /** The stop string that was found. */
  get found(): string | null {
    return this.match;
  }

  /** True once a stop string was found: everything after it is ignored. */
  get stopped(): boolean {
    return this.node < 0;
  }

  /** The text that can be passed on after `text` came in. */
  push(text: string): string {
    if (this.node < 0) return '';
    const before = this.node;
    for (let i = 0; i < text.length; i++) {
      this.node = this.step(this.node, text.charCodeAt(i));
      const { match } = this.nodes[this.node]!;
      if (match > 0) {
        this.match = this.held(this.node).slice(-match);
        this.node = -1;
        return this.take(before, text, this.nodes[before]!.depth + i + 1 - match);
      }
    }
    return this.take(before, text, this.nodes[before]!.depth + text.length - this.nodes[this.node]!.depth);
  }

  /** What is still held back when the text ends; empty after a stop string. */
  end(): string {
    if (this.node < 0) return '';
    const held = this.held(this.node);
    this.node = 0;
    return held;
  }

  /** The first `length` units of what was held back at `before`, followed by `text`. */
  private take(before: number, text: string, length: number): string {
    const held = this.held(before);
    return length <= held.length ? held.slice(0, length) : held + text.slice(0, length - held.length);
  }

  /** The text that is held back at a node: the node knows it, so it is never copied together. */
  private held(node: number): string {
    const { stop, depth } = this.nodes[node]!;
    return (this.stops[stop] ?? '').slice(0, depth);
  }

  private step(from: number, unit: number): number {
    let node = from;
    for (;;) {
      const child = this.children.get(node * 65536 + unit);
      if (child !== undefined) return child;
      if (node === 0) return 0;
      node = this.nodes[node]!.fail;
    }
  }

  private insert(stop: number, text: string): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      const key = node * 65536 + text.charCodeAt(i);
      let child = this.children.get(key);
      if (child === undefined) {
        child = this.nodes.length;
        this.nodes.push({ stop, depth: i + 1, fail: 0, match: 0 });
        this.children.set(key, child);
      }
      node = child;
    }
    this.nodes[node]!.match = text.length;
  }

  /** Fail links and matches, parents before children. */
  private link(): void {
    const edges = [...this.children].map(([key, child]) => ({
      parent: Math.floor(key / 65536),
      unit: key % 65536,
      node: this.nodes[child]!,
    }));
    edges.sort((a, b) => a.node.depth - b.node.depth);
    for (const { parent, unit, node } of edges) {
      node.fail = parent === 0 ? 0 : this.step(this.nodes[parent]!.fail, unit);
      node.match = Math.max(node.match, this.nodes[node.fail]!.match);
    }
  }
}

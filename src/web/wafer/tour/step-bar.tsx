/** The whole step of a token as a bar: every piece of work of one PE, as long as it took, layer after layer. */
import { figure, plural } from '../../ui/format.js';
import type { TourEnd, TourPhase } from './api.js';

type Kind = 'product' | 'attention' | 'element' | 'move';

/** What traces call the work, in words. */
const WORK: readonly (readonly [pattern: RegExp, words: string, kind: Kind])[] = [
  [/^embedding$/, 'look the token up', 'element'],
  [/^(sum of squares|norm)$/, 'norm', 'element'],
  [/^attn_q/, 'queries, keys, values', 'product'],
  [/^RoPE$/, 'turn by position', 'element'],
  [/^KV append$/, 'keep key and value', 'attention'],
  [/^score$/, 'scores of earlier tokens', 'attention'],
  [/^exp$/, 'softmax', 'attention'],
  [/^(P V|divide)$/, 'weighted sum of values', 'attention'],
  [/^attn_output$/, 'attention’s output', 'product'],
  [/^ffn_gate/, 'gate and up', 'product'],
  [/^SwiGLU$/, 'SwiGLU', 'element'],
  [/^ffn_down$/, 'down', 'product'],
  [/^residual$/, 'add to the stream', 'element'],
  [/^(token_embd|output)$/, 'a number for every token', 'product'],
  [/^(spread|take)$/, 'hand over', 'move'],
];

const KIND_TEXT: Readonly<Record<Kind, string>> = {
  product: 'products and their sums',
  attention: 'attention',
  element: 'element by element',
  move: 'handing over',
};

interface Segment {
  readonly words: string;
  readonly kind: Kind;
  readonly layer: number | null;
  readonly startCycle: number;
  readonly cycles: number;
}

/** Pieces of the same work and layer that follow one another are one segment; sums belong to what they follow. */
export function segmentsOf(phases: readonly TourPhase[], cycles: number): Segment[] {
  const segments: Segment[] = [];
  for (const [i, { name, layer, startCycle }] of phases.entries()) {
    const [, words, kind] = WORK.find(([pattern]) => pattern.test(name)) ?? [null, name, 'element' as const];
    const length = (phases[i + 1]?.startCycle ?? cycles) - startCycle;
    const last = segments.at(-1);
    if (last?.words === words) segments[segments.length - 1] = { ...last, cycles: last.cycles + length };
    else segments.push({ words, kind, layer, startCycle, cycles: length });
  }
  return segments;
}

export function StepBar({ end, layers }: { end: TourEnd; layers: number }) {
  const segments = segmentsOf(end.phases, end.cycles);
  const share = (kind: Kind): number =>
    segments.reduce((sum, each) => (each.kind === kind ? sum + each.cycles : sum), 0) / end.cycles;
  const kinds = Object.keys(KIND_TEXT) as Kind[];
  const longest = [...segments].sort((a, b) => b.cycles - a.cycles)[0]!;
  return (
    <figure class="step-bar">
      <div
        class="segments"
        role="img"
        aria-label={`${plural(layers, 'layer')} in ${figure(end.cycles)} cycles; the longest piece: ${longest.words}`}
      >
        {segments.map(({ words, kind, layer, startCycle, cycles }) => (
          <span
            key={startCycle}
            data-kind={kind}
            title={`${layer === null ? '' : `layer ${layer + 1}: `}${words}, ${figure(cycles)} cycles`}
            style={{ flexGrow: cycles }}
          />
        ))}
      </div>
      <figcaption class="legend small">
        {kinds.map((kind) => (
          <span key={kind}>
            <span class="swatch" data-kind={kind} /> {KIND_TEXT[kind]} {figure(100 * share(kind))} %
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

/** The twelve stops of the tour: where the camera goes, what is played, and a sentence or two with the numbers of this run. */
import { formatBytes } from '../../../core/units.js';
import { figure, plural } from '../../ui/format.js';
import type { Extent } from '../draw/camera.js';
import type { TourEnd, TourLook } from './api.js';

/** What is seen beside the picture. */
export type StopPart =
  | 'tokens'
  | 'none'
  | 'embedding'
  | 'norm'
  | 'tile'
  | 'row'
  | 'accumulator'
  | 'column'
  | 'whole'
  | 'candidates';

export interface Stop {
  /** As it stands in the address. */
  readonly name: string;
  readonly title: string;
  text(look: TourLook, end: TourEnd | null): string;
  /** In PEs of the rectangle; null: the whole wafer. */
  place(look: TourLook): Extent | null;
  spots?(look: TourLook): readonly Extent[];
  /** Cycles that are played, and for how long. */
  cycles(look: TourLook): readonly [from: number, to: number];
  readonly seconds: number;
  readonly part: StopPart;
}

/** A token as people read it: white space has signs, control tokens their name. */
export function tokenText(text: string): string {
  return text.replaceAll(' ', '␣').replaceAll('\n', '⏎').replaceAll('\t', '⇥');
}

/** Of a WSE-3's PEs, those that programs may use: 755 columns, 1,176 rows less spares. */
const rectangle = ({ model: { width, height } }: TourLook): Extent => ({ x: 0, y: 0, width, height });

function around({ focus: { at } }: TourLook, by = 0): Extent {
  return { x: at.x - by, y: at.y - by, width: 1 + 2 * by, height: 1 + 2 * by };
}

const column = ({ focus: { at }, model: { height } }: TourLook): Extent => ({
  x: at.x,
  y: 0,
  width: 1,
  height,
});

/** A column with neighbours, so that it stands in the middle of a wide picture. */
function columns(x: number, { model: { height } }: TourLook): Extent {
  return { x: x - height / 2, y: 0, width: height + 1, height };
}

const lastOf = ({ tokens }: TourLook): string => `“${tokenText(tokens.at(-1)!.text)}”`;

/** `attn_q` of `blk.0.attn_q.weight`. */
export const tensorName = (tensor: string): string => tensor.replace(/^blk\.\d+\.|\.weight$/g, '');

export const STOPS: readonly Stop[] = [
  {
    name: 'prompt',
    title: 'What comes next?',
    text: (look) =>
      `This square is one chip, 21.5 cm on each side, cut from a round wafer. Your text is ${plural(look.tokens.length, 'token')} for ${look.model.name}. We follow the last one, ${lastOf(look)}, through the chip until the next one comes out.`,
    place: () => null,
    cycles: () => [0, 0],
    seconds: 0,
    part: 'tokens',
  },
  {
    name: 'model',
    title: 'The model is the small rectangle',
    text: ({ model }) =>
      `All ${figure(model.parameters / 1e6)} million weights lie in ${model.width} × ${model.height} processing elements, at most ${formatBytes(model.sramBytes)} in each one’s own memory of 48 KiB. They were written there once and stay; the texture is drawn from their bytes.`,
    place: rectangle,
    cycles: () => [0, 0],
    seconds: 0,
    part: 'none',
  },
  {
    name: 'embedding',
    title: 'The token becomes numbers',
    text: (look) =>
      `Token ${figure(look.tokens.at(-1)!.id)} is a row of a table of ${figure(look.model.vocabulary)} rows. Only column ${look.tableColumn} of the rectangle has that row: ${figure(look.model.hidden)} numbers, ${figure(look.focus.embedding.length)} in each of its PEs.`,
    place: (look) => columns(look.tableColumn + 0.5, look),
    spots: ({ tableColumn: x, model: { height } }) => [{ x, y: 0, width: 1, height }],
    cycles: ({ moments }) => [0, moments.embedded],
    seconds: 2,
    part: 'embedding',
  },
  {
    name: 'spread',
    title: 'It spreads over the rows',
    text: ({ moments }) =>
      `Every column needs those numbers. Each dot is a wavelet, 32 bits that go from one PE to its neighbour in a cycle. After ${figure(moments.spread)} cycles all PEs of a row have the same numbers. This is what moves on a wafer: activations, never weights.`,
    place: rectangle,
    cycles: ({ moments }) => [moments.embedded, moments.spread],
    seconds: 6,
    part: 'embedding',
  },
  {
    name: 'norm',
    title: 'Brought to one size',
    text: () =>
      'Each PE adds up the squares of its numbers. The sums of a column meet, one number from each PE; then every PE divides its numbers by the root and multiplies them with a learned weight.',
    place: rectangle,
    cycles: ({ moments }) => [moments.spread, moments.normed],
    seconds: 5,
    part: 'norm',
  },
  {
    name: 'matrix',
    title: 'All PEs multiply at once',
    text: ({ model, focus }) =>
      `The first matrix, ${tensorName(focus.tensor)}, lies as a grid of tiles: its rows are dealt to the ${model.width} columns of PEs, its columns to the ${model.height} rows. All ${figure(model.width * model.height)} PEs work at the same time, each on the tile that it holds. Nothing is fetched from outside.`,
    place: rectangle,
    spots: (look) => [around(look)],
    cycles: ({ moments }) => [moments.normed, moments.multiplied],
    seconds: 4,
    part: 'none',
  },
  {
    name: 'tile',
    title: 'One PE and its tile',
    text: ({ focus: { at, rows, columns: own, tensor, row } }) =>
      `PE (${at.x}, ${at.y}) holds rows ${rows[0]} to ${rows[1] - 1} and columns ${own[0]} to ${own[1] - 1} of ${tensorName(tensor)}${row.weightScales.length > 0 ? ', as 8-bit integers with a scale for each row of a block' : ''}. Point at a cell for its weight.`,
    place: around,
    cycles: ({ moments }) => [moments.multiplies, moments.multiplies],
    seconds: 0,
    part: 'tile',
  },
  {
    name: 'multiply',
    title: 'Multiply, add, again',
    text: ({ focus: { row }, model }) =>
      `Row 0 of the tile times the PE’s ${figure(row.x.length)} numbers: ${figure(row.x.length)} products, added into one accumulator.${row.weightScales.length > 0 ? ' The integers multiply exactly; one multiplication with both scales makes a float of the sum.' : ''} This is what a language model does: ${figure(model.parameters / 1e6)} million times for each token of this one, some billion times for a large one.`,
    place: around,
    cycles: ({ moments }) => [moments.multiplies, moments.multiplied],
    seconds: 6,
    part: 'row',
  },
  {
    name: 'ramp',
    title: 'Up the ramp, into the router',
    text: ({ focus: { accumulators } }) =>
      `The PE has only its part of the columns, so ${exact(accumulators[0]!)} is a partial sum. It leaves as a wavelet, over the ramp into the PE’s router, which passes it to the neighbour that its color says.`,
    place: around,
    cycles: ({ moments }) => [moments.multiplied, Math.min(moments.summed, moments.multiplied + 14)],
    seconds: 7,
    part: 'accumulator',
  },
  {
    name: 'sum',
    title: 'The sum climbs the column',
    text: ({ focus: { partials, sum }, moments }) =>
      `${plural(partials.length, 'partial sum')} meet from both ends of the column, in an order that the plan fixes: so the bits are always the same. ${figure(moments.summed - moments.multiplied)} cycles after the last product all PEs of the column know the result, ${exact(sum)}.`,
    place: (look) => columns(look.focus.at.x + 0.5, look),
    spots: (look) => [column(look)],
    cycles: ({ moments }) => [moments.multiplied, moments.summed],
    seconds: 7,
    part: 'column',
  },
  {
    name: 'layers',
    title: 'The same again, through every layer',
    text: ({ model }, end) =>
      end === null
        ? `${plural(model.layers, 'layer')} follow, each with its products and sums. Every cycle of them is being simulated now.`
        : `${plural(model.layers, 'layer')} like this took ${figure(end.cycles)} cycles, ${figure((end.cycles / end.clockHz) * 1e6)} µs on the chip’s clock. ${figure(end.hops)} times a wavelet went to a neighbour. No weight moved; a GPU would have read all ${formatBytes(model.bytes)} of them from its memory, for this one token.`,
    place: rectangle,
    cycles: ({ moments }) => [moments.summed, moments.summed],
    seconds: 0,
    part: 'whole',
  },
  {
    name: 'token',
    title: 'The next token',
    text: ({ model }, end) =>
      end === null
        ? 'The last product, with the table of the beginning, is still being simulated.'
        : `The last product gives each of the ${figure(model.vocabulary)} tokens a number. The largest is that of “${tokenText(end.candidates[0]!.text)}”. The runtime computes the same numbers on the same ${model.width} × ${model.height} tiles, bit for bit (with --kv-type f32).`,
    place: () => null,
    cycles: ({ moments }) => [moments.summed, moments.summed],
    seconds: 0,
    part: 'candidates',
  },
];

/** A number of the engine with all digits that tell it from its neighbours. */
export function exact(value: number): string {
  const text = String(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = value.toPrecision(digits);
    if (Math.fround(Number(short)) === Math.fround(value)) return String(Number(short));
  }
  return text;
}

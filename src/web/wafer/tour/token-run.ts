/** A model on the fabric, one token at a time, with the numbers that the tour shows: they are copied out of the simulated PEs. */
import { MachineError, OptionError } from '../../../core/errors.js';
import type { Tables } from '../../../fabric/cores/tables.js';
import type { Point } from '../../../fabric/geometry.js';
import { ggufSource } from '../../../fabric/model/gguf-source.js';
import { FabricModel } from '../../../fabric/model/model.js';
import { nameOfLinear } from '../../../fabric/model/ops.js';
import type { ModelSource } from '../../../fabric/model/source.js';
import type { SpanObserver } from '../../../fabric/simulate.js';
import { Recorder } from '../../../fabric/trace.js';
import { readGguf } from '../../../formats/gguf.js';
import { readModel } from '../../../formats/model-file.js';
import { bytesSource } from '../../../formats/source.js';
import { tensorType, type WeightType } from '../../../formats/tensor-types.js';
import { createTokenizer } from '../../../formats/tokenizer.js';
import type { Tokenizer } from '../../../formats/tokenizer-types.js';
import { findWafer } from '../../../machine/wafers.js';
import { placeOnRectangle } from '../../../placement/place.js';
import { type PlacedOf, type Plan, tileStart } from '../../../placement/plan.js';
import { foldPairs, foldRoot } from '../../../placement/reduce.js';
import { layoutOf } from '../draw/mesh-layout.js';
import type { RecordedRun } from '../record/run.js';
import type { TourEnd, TourFocus, TourLook, TourModel, TourPhase, TourToken } from './api.js';
import { inputOf, type Piece, readTile, summedAt, weightTexture } from './pe-numbers.js';

/** Tokens of a prompt and those after it. */
export const CONTEXT = 40;
/** Rectangles that are tried, small ones first: their rows are as many as the blocks of most small models' activations. */
const RECTANGLES = [
  { width: 8, height: 8 },
  { width: 16, height: 8 },
  { width: 32, height: 8 },
  { width: 32, height: 16 },
  { width: 48, height: 24 },
] as const;
/** A rectangle whose PEs would be fuller than this with weights alone is not tried. */
const MOST_WEIGHTS_PER_PE = 28_000;
/** Cycles that the first look goes on for; doubled until the first sum is made. */
const FIRST_LOOK = 1024;
const MOST_LOOK = 1 << 16;
const MOST_MOVES = 3_000_000;
const CANDIDATES = 5;

export class TokenRun {
  readonly tokenizer: Tokenizer;
  readonly model: TourModel;
  private readonly plan: Plan;
  private readonly fabric: FabricModel;
  private readonly types: (tensor: string) => WeightType;
  /** Tokens whose keys and values lie in the caches. */
  private done: readonly number[] = [];
  private prompt: readonly number[] = [];

  /**
   * Places a GGUF file's model on the smallest rectangle of a WSE-3 that holds it.
   * @throws WaferflowError for a model that the fabric does not execute, or that no rectangle of the list holds
   */
  static async open(
    bytes: Uint8Array,
    angles?: (context: number) => ModelSource['angles'],
  ): Promise<TokenRun> {
    const file = await readGguf(bytesSource(bytes));
    const { model, tensors } = readModel(file);
    const tried = RECTANGLES.filter(
      ({ width, height }) => bytes.length <= width * height * MOST_WEIGHTS_PER_PE,
    );
    for (const [i, rectangle] of tried.entries()) {
      const plan = placeOnRectangle(
        model,
        rectangle,
        (name) => tensorType(tensors.get(name)!.type).blockElements,
      );
      try {
        const source = ggufSource(bytes, tensors, angles?.(CONTEXT));
        const fabric = new FabricModel(findWafer('wse-3'), plan, source, CONTEXT);
        const stored = [...tensors.values()];
        const name = file.metadata.get('general.name');
        return new TokenRun(createTokenizer(file), plan, fabric, (tensor) => tensors.get(tensor)!.type, {
          name: typeof name === 'string' ? name : 'this model',
          parameters: stored.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
          bytes: stored.reduce((sum, { byteLength }) => sum + byteLength, 0),
        });
      } catch (error) {
        // A PE that is too small: perhaps the next rectangle does.
        if (!(error instanceof MachineError) || i === tried.length - 1) throw error;
      }
    }
    const most = RECTANGLES.at(-1)!;
    throw new MachineError({
      what: 'model for the tour',
      given: `${bytes.length} bytes`,
      expected: `at most ${most.width * most.height * MOST_WEIGHTS_PER_PE}, what ${most.width} x ${most.height} PEs hold`,
      todo: 'Take a smaller model: the tour simulates every cycle of it.',
    });
  }

  private constructor(
    tokenizer: Tokenizer,
    plan: Plan,
    fabric: FabricModel,
    types: TokenRun['types'],
    file: Pick<TourModel, 'name' | 'parameters' | 'bytes'>,
  ) {
    this.tokenizer = tokenizer;
    this.plan = plan;
    this.fabric = fabric;
    this.types = types;
    const { hiddenSize: hidden, numHiddenLayers: layers, vocabSize: vocabulary } = plan.model.shape;
    const { width, height } = plan.rect;
    const reserved = fabric.mesh.numbers.reservedBytesPerPe;
    const used = this.all().map((at) =>
      fabric.mesh.pe(at).buffers.reduce((sum, { bytes }) => sum + bytes, reserved),
    );
    const sramBytes = Math.max(...used);
    this.model = { ...file, layers, hidden, vocabulary, width, height, context: CONTEXT, sramBytes };
  }

  /** The first product of the plan: the one that is shown. */
  private get first(): PlacedOf<'linear'> {
    return this.plan.ops.find((each): each is PlacedOf<'linear'> => each.kind === 'linear')!;
  }

  private all(): Point[] {
    const { width, height } = this.plan.rect;
    return Array.from({ length: width * height }, (_, i) => ({ x: i % width, y: Math.floor(i / width) }));
  }

  private token(id: number): TourToken {
    return { id, text: this.tokenizer.textOf(id) };
  }

  /** The last token of a prompt on its way to the first sum; nothing of it counts for `finish`. */
  look(prompt: string): TourLook {
    const ids = this.tokenizer.encode(prompt);
    if (ids.length === 0 || ids.length > CONTEXT) {
      throw new OptionError({
        what: 'prompt of the tour',
        given: `${ids.length} tokens`,
        expected: `1 to ${CONTEXT}`,
        todo: 'Write a shorter text: every cycle of every token is simulated.',
      });
    }
    this.prompt = ids;
    const id = ids.at(-1)!;
    const pieces = this.firstPieces(id, ids.length - 1);
    const op = this.first;
    const name = nameOfLinear(op);
    const focusAt = this.focusOf();
    const own = (what: string): Piece =>
      pieces.find(({ name, at }) => name === what && at.x === focusAt.x && at.y === focusAt.y)!;
    const moments = {
      embedded: own('embedding').endCycle,
      spread: own('sum of squares').startCycle,
      normed: own('norm').endCycle,
      multiplies: own(name).startCycle,
      multiplied: own(name).endCycle,
      summed: summedAt(pieces, name),
    };
    const { run, captured } = this.record(id, ids.length - 1, moments.summed);
    return {
      tokens: ids.map((each) => this.token(each)),
      model: this.model,
      run,
      moments,
      tableColumn: this.columnOf(id),
      focus: this.focus(focusAt, captured),
      texture: weightTexture(this.fabric.mesh),
    };
  }

  /** What PEs do until every one has its first sum. */
  private firstPieces(id: number, position: number): readonly Piece[] {
    const name = nameOfLinear(this.first);
    for (let cycles = FIRST_LOOK; cycles <= MOST_LOOK; cycles *= 2) {
      const pieces: Piece[] = [];
      const spans: SpanObserver = {
        span: ({ at }, what, startCycle, endCycle, vector) => {
          pieces.push({ at, name: what, startCycle, endCycle, isLocal: vector === null });
        },
      };
      this.fabric.rewind(position);
      this.fabric.step(id, { spans, stopAfterCycle: cycles });
      if (summedAt(pieces, name) < Number.POSITIVE_INFINITY) return pieces;
    }
    throw new RangeError(`no first sum within ${MOST_LOOK} cycles`);
  }

  /** A PE in the middle that has work and passes its sums on. */
  private focusOf(): Point {
    const op = this.first;
    const along = op.columns.axis === 'y' ? this.plan.rect.height : this.plan.rect.width;
    const inner = foldPairs(op.reduce)
      .map(({ from }) => from)
      .filter((i) => tileStart(op.columns, i + 1) > tileStart(op.columns, i));
    const y = inner.find((i) => i > 0 && i < along - 1) ?? inner[0] ?? 0;
    return { x: Math.floor(this.plan.rect.width * 0.4), y };
  }

  private columnOf(id: number): number {
    const op = this.plan.ops.find((each): each is PlacedOf<'embedding'> => each.kind === 'embedding')!;
    return this.all().findIndex(
      ({ x, y }) => y === 0 && tileStart(op.rows, x) <= id && id < tileStart(op.rows, x + 1),
    );
  }

  /** Records every wavelet up to `until`, and copies activations and accumulators out when they are there. */
  private record(
    id: number,
    position: number,
    until: number,
  ): { run: RecordedRun; captured: ReadonlyMap<string, Float32Array> } {
    const { fabric, first: op } = this;
    const recorder = new Recorder(fabric.mesh, null, MOST_MOVES);
    const captured = new Map<string, Float32Array>();
    const name = nameOfLinear(op);
    const embedding = this.plan.ops.find((each) => each.kind === 'embedding')!;
    let tables: Tables | null = null;
    fabric.rewind(position);
    const { run: result } = fabric.step(id, {
      observer: recorder,
      spans: {
        span: (pe, what, startCycle, endCycle, vector) => {
          recorder.span(pe, what, startCycle, endCycle, vector);
          const key = `${pe.at.x},${pe.at.y}`;
          if (what === 'sum of squares')
            captured.set(`embedding ${key}`, fabric.partOf(embedding.out, pe.at));
          if (what !== name) return;
          captured.set(`x ${key}`, fabric.partOf(op.in, pe.at));
          captured.set(`input ${key}`, inputOf(pe, op));
          captured.set(`sums ${key}`, fabric.partOf(op.outs[0]!, pe.at));
        },
      },
      onTables: (made) => {
        tables = made;
        recorder.begin(made);
      },
      stopAfterCycle: until,
    });
    for (const at of this.all()) captured.set(`whole ${at.x},${at.y}`, fabric.partOf(op.outs[0]!, at));
    if (tables === null) throw new RangeError('a run has tables');
    const { width, height } = this.plan.rect;
    const request = {
      program: 'one token',
      width,
      height,
      elements: this.model.hidden,
      type: 'f32',
      machine: 'wse-3',
    } as const;
    const run = {
      request,
      log: recorder.eventLog(),
      layout: layoutOf(fabric.mesh, tables),
      result,
      predictedCycles: null,
      maxAbsError: null,
    };
    return { run, captured };
  }

  private focus(at: Point, captured: ReadonlyMap<string, Float32Array>): TourFocus {
    const op = this.first;
    const got = (what: string, { x, y }: Point): Float32Array => captured.get(`${what} ${x},${y}`)!;
    const along = (i: number): Point => (op.columns.axis === 'y' ? { x: at.x, y: i } : { x: i, y: at.y });
    const own = op.columns.axis === 'y' ? at.y : at.x;
    const other = op.columns.axis === 'y' ? at.x : at.y;
    const tensor = op.weights[0]!.name;
    const rows = [tileStart(op.rows[0]!, other), tileStart(op.rows[0]!, other + 1)] as const;
    const columns = [tileStart(op.columns, own), tileStart(op.columns, own + 1)] as const;
    const buffer = this.fabric.mesh.pe(at).buffers.find(({ name }) => name === tensor)!;
    const { tile, row } = readTile(buffer.u8, this.types(tensor), columns[1] - columns[0], got('input', at));
    const accumulators = [...got('sums', at)];
    return {
      at,
      tensor,
      rows,
      columns,
      tile,
      row,
      embedding: [...got('embedding', at)],
      normed: [...got('x', at)],
      accumulators,
      partials: Array.from({ length: op.reduce.parts }, (_, i) => got('sums', along(i))[0]!),
      folds: foldPairs(op.reduce),
      sum: got('whole', along(foldRoot(op.reduce)))[0]!,
    };
  }

  /**
   * All tokens of the prompt of `look` through all layers, and what comes after the last; null when it was to look at
   * another prompt meanwhile.
   */
  async finish(onToken: (done: number, of: number) => void): Promise<TourEnd | null> {
    const ids = this.prompt;
    const last = ids.length - 1;
    // A prompt that goes on from the last one finds its keys and values there.
    const known = this.done.every((id, i) => i < last && id === ids[i]) ? this.done.length : 0;
    for (let i = known; i < last; i++) {
      onToken(i, ids.length);
      this.done = ids.slice(0, i);
      this.fabric.rewind(i);
      this.fabric.step(ids[i]!);
      this.done = ids.slice(0, i + 1);
      // Lets the worker hear that it is to look at another prompt.
      await new Promise((resolve) => setTimeout(resolve));
      if (this.prompt !== ids) return null;
    }
    onToken(last, ids.length);
    const phases: TourPhase[] = [];
    let layer: number | null = null;
    const first = nameOfLinear(this.first);
    // The last column has heads of attention however many there are, and the first row the first position.
    const spans: SpanObserver = {
      span: ({ at }, name, startCycle, _end, vector) => {
        if (vector !== null || at.x !== this.plan.rect.width - 1 || at.y !== 0) return;
        if (name === first) layer = layer === null ? 0 : layer + 1;
        phases.push({ name, layer, startCycle });
      },
    };
    this.fabric.rewind(last);
    const { logits, run } = this.fabric.step(ids[last]!, { spans });
    this.done = ids;
    const { cycles, hops } = run;
    const { clockHz } = this.fabric.mesh.numbers;
    return { candidates: this.likeliest(logits), logits, phases, cycles, hops, clockHz };
  }

  private likeliest(logits: Float32Array): TourEnd['candidates'] {
    const top = logits.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY);
    const total = logits.reduce((sum, each) => sum + Math.exp(each - top), 0);
    return [...logits.keys()]
      .sort((a, b) => logits[b]! - logits[a]! || a - b)
      .slice(0, CANDIDATES)
      .map((id) => {
        const logit = logits[id]!;
        return { ...this.token(id), logit, probability: Math.exp(logit - top) / total };
      });
  }
}

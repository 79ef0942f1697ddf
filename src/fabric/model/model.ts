/**
 * A whole model on the fabric, from the plan that the runtime executes: every PE holds the tiles that the plan
 * gives it, and every sum runs in the plan's order, so the logits are the runtime's bit for bit. A step is one token;
 * a prompt is processed token by token, which by the plan gives the same bits as chunks would.
 */
import type { Value } from '../../../models/op.js';
import { OptionError } from '../../core/errors.js';
import type { WaferMachine } from '../../machine/wafers.js';
import type { Plan } from '../../placement/plan.js';
import { reduceAlong } from '../../placement/reduce.js';
import type { Point } from '../geometry.js';
import { Mesh } from '../mesh.js';
import type { FabricResult } from '../result.js';
import type { SimulateOptions } from '../simulate.js';
import { simulate } from '../simulate.js';
import { Lines, type StepInput } from './lines.js';
import { ModelPe } from './model-pe.js';
import { layOutOp, requireSteps } from './ops.js';
import type { ModelSource } from './source.js';

export interface TokenResult {
  readonly logits: Float32Array;
  readonly run: FabricResult;
  /** By op of the plan: cycles from the last PE's end of the op before to the last PE's end of this one. */
  readonly opCycles: Float64Array;
}

export class FabricModel {
  readonly mesh: Mesh;
  private readonly vocabSize: number;
  private readonly ops: number;
  private readonly pes: readonly ModelPe[];
  private readonly context: number;
  private readonly input: StepInput = { token: 0, position: 0 };
  private position = 0;

  /**
   * Lays the model out on the plan's rectangle and loads its weights. `MachineError` when a PE's SRAM does
   * not hold its share of weights and of the KV cache for `context` tokens.
   */
  constructor(machine: WaferMachine, plan: Plan, source: ModelSource, context: number) {
    requireSteps(plan.ops);
    this.vocabSize = plan.model.shape.vocabSize;
    this.context = context;
    this.ops = plan.ops.length;
    this.mesh = new Mesh(machine, plan.rect);
    const lines = new Lines(this.mesh);
    const { width, height } = plan.rect;
    lines.lay(reduceAlong('x', width));
    lines.lay(reduceAlong('y', height));
    const pes: ModelPe[] = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pe = this.mesh.pe({ x, y });
        pes.push(new ModelPe(pe, plan, lines, source, context, layOutOp));
      }
    }
    this.pes = pes;
    this.mesh.check();
    for (const own of pes) {
      own.load();
      own.pe.main = () => own.step(this.input);
    }
  }

  /** Forgets all tokens from a position on, which may be one that a step was at before: the next one lies there. */
  rewind(position = 0): void {
    this.position = position;
  }

  /** A copy of what a PE has of a value: while the step needs it, and until something else lies in its place. */
  partOf(value: Value, at: Point): Float32Array {
    return this.pes[at.y * this.mesh.width + at.x]!.partOf(value);
  }

  /**
   * Runs one token at the next position; the logits [vocabSize] speak of the token after it. A step that
   * `stopAfterCycle` ends early is a look at it alone: the position stays.
   */
  step(token: number, options: SimulateOptions = {}): TokenResult {
    if (!Number.isInteger(token) || token < 0 || token >= this.vocabSize) {
      throw new OptionError({
        what: 'token',
        given: String(token),
        expected: `an id from 0 to ${this.vocabSize - 1}`,
        todo: 'Give an id of the model’s vocabulary.',
      });
    }
    if (this.position >= this.context) {
      throw new OptionError({
        what: 'context on the fabric',
        given: `token ${this.position + 1}`,
        expected: `at most ${this.context}`,
        todo: 'Lay the model out for a longer context.',
      });
    }
    this.input.token = token;
    this.input.position = this.position;
    const ends = new Float64Array(this.ops);
    this.input.onOp = (op, cycle) => {
      if (cycle > ends[op]!) ends[op] = cycle;
    };
    const run = simulate(this.mesh, options);
    if (options.stopAfterCycle === undefined) this.position++;
    const logits = new Float32Array(this.vocabSize);
    for (const own of this.pes) if (own.pe.at.y === 0) own.copyLogits(logits);
    return { logits, run, opCycles: ends.map((end, op) => end - (ends[op - 1] ?? 0)) };
  }
}

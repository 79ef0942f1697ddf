/**
 * A whole Llama model on the fabric, from the plan that the runtime executes: every PE holds the tiles that the plan
 * gives it, and every sum runs in the plan's order, so the logits are the runtime's bit for bit. A step is one token;
 * a prompt is processed token by token, which by the plan gives the same bits as chunks would.
 */
import type { LlamaConfig } from '../../../models/llama.js';
import { MachineError, OptionError } from '../../core/errors.js';
import type { WaferMachine } from '../../machine/wafers.js';
import type { Plan } from '../../placement/plan.js';
import { Mesh } from '../mesh.js';
import type { FabricResult } from '../result.js';
import type { SimulateOptions } from '../simulate.js';
import { simulate } from '../simulate.js';
import { Lines, type StepInput } from './lines.js';
import { ModelPe } from './model-pe.js';
import type { ModelSource } from './source.js';

export interface TokenResult {
  readonly logits: Float32Array;
  readonly run: FabricResult;
}

export class FabricModel {
  readonly mesh: Mesh;
  private readonly config: LlamaConfig;
  private readonly source: ModelSource;
  private readonly pes: readonly ModelPe[];
  private readonly context: number;
  private readonly input: StepInput = { token: 0, position: 0, angles: new Float32Array(0) };
  private position = 0;

  /**
   * Lays the model out on the plan's one decode region and loads its weights. `MachineError` when a PE's SRAM does
   * not hold its share of weights and of the KV cache for `context` tokens.
   */
  constructor(machine: WaferMachine, plan: Plan, source: ModelSource, context: number) {
    const [region, ...more] = plan.decode;
    if (region === undefined || more.length > 0) {
      throw new MachineError({
        what: 'plan for the fabric',
        given: `${plan.decode.length} decode regions`,
        expected: 'one',
        todo: 'Place the model on one rectangle.',
      });
    }
    this.config = plan.config;
    this.source = source;
    this.context = context;
    this.mesh = new Mesh(machine, region.rect);
    const lines = new Lines(this.mesh);
    for (const op of region.ops) if ('reduce' in op) lines.lay(op.reduce);
    const { width, height } = region.rect;
    const pes: ModelPe[] = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pe = this.mesh.pe({ x, y });
        pes.push(new ModelPe(pe, plan.config, region, lines, source, context));
      }
    }
    this.pes = pes;
    this.mesh.check();
    for (const own of pes) {
      own.load(source);
      own.pe.main = () => own.step(this.input);
    }
  }

  /** Runs one token at the next position; the logits [vocabSize] speak of the token after it. */
  step(token: number, options: SimulateOptions = {}): TokenResult {
    if (!Number.isInteger(token) || token < 0 || token >= this.config.vocabSize) {
      throw new OptionError({
        what: 'token',
        given: String(token),
        expected: `an id from 0 to ${this.config.vocabSize - 1}`,
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
    this.input.angles = this.source.angles(this.position);
    const run = simulate(this.mesh, options);
    this.position++;
    const logits = new Float32Array(this.config.vocabSize);
    for (const own of this.pes) if (own.pe.at.y === 0) own.copyLogits(logits);
    return { logits, run };
  }
}

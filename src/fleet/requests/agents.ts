/**
 * Coding agents: each works at one task at a time, turn after turn. A turn's prompt is all that was said before,
 * the answer calls a tool, the tool takes its time and adds its result; now and then a person thinks. Only the
 * model's share of a task gets shorter on a faster machine.
 */
import type { Rng } from '../../core/rng.js';
import { EventHeap } from '../heaps.js';
import { LogHistogram } from '../measure/histogram.js';
import { BLOCK_TOKENS } from '../replica/kv-memory.js';
import type { TaskSource } from '../simulate.js';
import type { TaskResult } from '../types.js';
import { draw, drawTokens, type LengthDistribution } from './lengths.js';
import { type Arrival, NO_HASHES, type Outcome } from './source.js';

export interface AgentSpec {
  readonly tasks: number;
  /** Agents at work at once. */
  readonly agents: number;
  readonly turns: LengthDistribution;
  /** Instructions, tools and the first files. */
  readonly firstPromptTokens: LengthDistribution;
  readonly outputTokens: LengthDistribution;
  readonly toolTokens: LengthDistribution;
  readonly toolSeconds: LengthDistribution;
  /** A person answers after a turn with this probability, after so long. */
  readonly thinkShare: number;
  readonly thinkSeconds: LengthDistribution;
  /** A task ends early when its prompt and answer would be longer. */
  readonly maxContext: number;
}

/** Guesses, each replaceable: short edits and searches, few long test runs, nobody in the loop. */
export const CODING_TASK = {
  turns: { kind: 'lognormal', mean: 25, spread: 0.5 },
  firstPromptTokens: { kind: 'lognormal', mean: 8000, spread: 0.5 },
  outputTokens: { kind: 'lognormal', mean: 400, spread: 0.8 },
  toolTokens: { kind: 'lognormal', mean: 800, spread: 1 },
  toolSeconds: { kind: 'lognormal', mean: 0.5, spread: 1.2 },
  thinkShare: 0,
  thinkSeconds: { kind: 'exponential', mean: 20 },
} as const satisfies Omit<AgentSpec, 'tasks' | 'agents' | 'maxContext'>;

interface Task {
  readonly begins: number;
  turnsLeft: number;
  readonly number: number;
  prompt: number;
  output: number;
}

/** Enough blocks for ten million tokens of one task. */
const BLOCKS_PER_TASK = Math.ceil(10_000_000 / BLOCK_TOKENS);

export class AgentSource implements TaskSource {
  readonly hashes = NO_HASHES;
  private readonly spec: AgentSpec;
  private readonly rng: Rng;
  private readonly turns = new EventHeap<number>();
  /** The task of each agent. */
  private readonly working: Task[] = [];
  private begun = 0;
  private turnCount = 0;
  private readonly durations = new LogHistogram();
  private firstTokens = 0;
  private decode = 0;
  private tool = 0;
  private think = 0;

  constructor(spec: AgentSpec, rng: Rng) {
    this.spec = spec;
    this.rng = rng;
    for (let agent = 0; agent < spec.agents; agent++) this.begin(agent, 0);
  }

  nextTime(): number {
    return this.turns.time;
  }

  take(into: Arrival): void {
    const agent = this.turns.pop()!;
    const task = this.working[agent]!;
    into.promptTokens = task.prompt;
    into.outputTokens = task.output;
    into.tier = 0;
    into.hasPrefix = true;
    into.hashStart = -1;
    into.hashBase = task.number * BLOCKS_PER_TASK;
    into.continues = true;
    into.task = agent;
  }

  ended(agent: number, { isRejected, time, ttft, decode }: Outcome): void {
    const { spec, rng } = this;
    const task = this.working[agent]!;
    this.turnCount++;
    this.firstTokens += ttft;
    this.decode += decode;
    const prompt = task.prompt + task.output + drawTokens(spec.toolTokens, rng);
    const output = drawTokens(spec.outputTokens, rng);
    task.turnsLeft--;
    if (isRejected || task.turnsLeft === 0 || prompt + output > spec.maxContext) {
      this.durations.add(time - task.begins);
      this.begin(agent, time);
      return;
    }
    const tool = draw(spec.toolSeconds, rng);
    const think = rng.next() < spec.thinkShare ? draw(spec.thinkSeconds, rng) : 0;
    this.tool += tool;
    this.think += think;
    task.prompt = prompt;
    task.output = output;
    this.turns.push(time + tool + think, agent);
  }

  tasks(): TaskResult {
    const { durations } = this;
    const mean = (seconds: number): number => (durations.count > 0 ? (seconds / durations.count) * 1e3 : 0);
    return {
      tasks: durations.count,
      turns: this.turnCount,
      taskMs: durations.summary(),
      meanFirstTokenMs: mean(this.firstTokens),
      meanDecodeMs: mean(this.decode),
      meanToolMs: mean(this.tool),
      meanThinkMs: mean(this.think),
    };
  }

  private begin(agent: number, time: number): void {
    const { spec, rng } = this;
    if (this.begun === spec.tasks) return;
    const output = drawTokens(spec.outputTokens, rng);
    this.working[agent] = {
      begins: time,
      number: this.begun++,
      turnsLeft: drawTokens(spec.turns, rng),
      prompt: Math.min(drawTokens(spec.firstPromptTokens, rng), Math.max(1, spec.maxContext - output)),
      output,
    };
    this.turns.push(time, agent);
  }
}

/** What people call the contenders and cases of a bench. */
import type { BenchPhase, Contender } from '../../bench/types.js';

export interface BenchCase {
  readonly model: string;
  readonly phase: BenchPhase;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly batch: number;
}

export const CONTENDERS: readonly Contender[] = ['waferflow', 'baseline', 'node-llama-cpp', 'wllama'];

export function contenderName(contender: Contender): string {
  return contender === 'baseline' ? 'GPU-style baseline' : contender;
}

/** `glint: decode 64 + 128 tokens, 4 users`. */
export function caseName(row: BenchCase, withModel = true): string {
  const { model, phase, promptTokens, generatedTokens, batch } = row;
  const tokens = phase === 'prefill' ? `${promptTokens}` : `${promptTokens} + ${generatedTokens}`;
  const users = batch === 1 ? '' : `, ${batch} users`;
  return `${withModel ? `${model}: ` : ''}${phase} ${tokens} tokens${users}`;
}

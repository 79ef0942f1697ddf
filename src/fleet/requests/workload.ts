/** A workload as data: what to simulate, on any thread or machine, with the same requests for the same seed. */
import { OptionError } from '../../core/errors.js';
import { Rng } from '../../core/rng.js';
import type { WorkloadSummary } from '../types.js';
import { AgentSource, type AgentSpec } from './agents.js';
import type { ArrivalSpec } from './arrivals.js';
import { draw, type LengthDistribution, type LengthSpec, meanLength } from './lengths.js';
import { ClosedLoopSource, OpenSource, type RequestSource, TraceSource } from './source.js';
import { parseTrace, type Trace } from './traces.js';

/** JSON, so that it can be sent to workers; a trace goes along as the text of its file. */
export type WorkloadSpec =
  | {
      readonly kind: 'trace';
      readonly file: string;
      readonly text: string;
      /** Default: each line once. */
      readonly requests: number | null;
      readonly rateScale: number;
      readonly batchShare: number;
    }
  | {
      readonly kind: 'drawn';
      readonly requests: number;
      readonly arrivals: ArrivalSpec;
      readonly prompt: LengthDistribution;
      readonly output: LengthDistribution;
      readonly rateScale: number;
      readonly batchShare: number;
    }
  | {
      readonly kind: 'users';
      readonly users: number;
      /** Mean time from an answer to the next request. */
      readonly thinkSeconds: number;
      readonly requests: number;
      readonly prompt: LengthDistribution;
      readonly output: LengthDistribution;
    }
  | { readonly kind: 'agents'; readonly spec: AgentSpec };

/** What searches ask of a workload again and again. */
export interface Workload {
  readonly summary: WorkloadSummary;
  readonly lengths: LengthSpec;
  source(seed: number): RequestSource;
  /** Users with one request in flight each, with this workload's lengths. */
  closedLoop(users: number, requests: number, seed: number): RequestSource;
}

const SAMPLES = 4096;

/**
 * Reads the trace where there is one.
 *
 * @throws FormatError for a malformed trace, OptionError when the model's context is too short for all requests
 */
export function openWorkload(spec: WorkloadSpec, maxContext: number): Workload {
  const opened = open(spec);
  if (opened.summary.meanPromptTokens + opened.summary.meanOutputTokens > maxContext) {
    throw new OptionError({
      what: `requests of ${opened.summary.name}`,
      given: `${Math.round(opened.summary.meanPromptTokens + opened.summary.meanOutputTokens)} tokens on average`,
      expected: `at most the model's context of ${maxContext}`,
      todo: 'Choose a model with a longer context or a workload with shorter requests.',
    });
  }
  return opened;
}

function open(spec: WorkloadSpec): Workload {
  if (spec.kind === 'trace') return traceWorkload(spec, parseTrace(spec.text, spec.file));
  if (spec.kind === 'agents') return agentWorkload(spec.spec);
  if (spec.kind === 'users') return userWorkload(spec);
  const { arrivals, rateScale, requests, prompt, output, batchShare } = spec;
  const lengths: LengthSpec = { kind: 'drawn', prompt, output };
  const scaled = { ...arrivals, requestsPerSecond: arrivals.requestsPerSecond * rateScale };
  return {
    summary: {
      name: 'drawn requests',
      requests,
      requestsPerSecond: scaled.requestsPerSecond,
      rateScale,
      hasPrefixes: false,
      agents: false,
      ...sampled(lengths),
    },
    lengths,
    source: (seed) => new OpenSource(requests, scaled, lengths, batchShare, new Rng(seed)),
    closedLoop: (users, count, seed) => new ClosedLoopSource(users, count, lengths, new Rng(seed)),
  };
}

function traceWorkload(spec: WorkloadSpec & { kind: 'trace' }, trace: Trace): Workload {
  const { rateScale, batchShare } = spec;
  const requests = spec.requests ?? trace.seconds.length;
  const lengths: LengthSpec = { kind: 'trace', trace };
  const span = Math.max(trace.seconds.at(-1)!, 1e-9);
  const ofAll = (values: Int32Array): { mean: number; p99: number } => {
    const sorted = values.toSorted();
    return {
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      p99: sorted[Math.min(sorted.length - 1, Math.ceil(0.99 * sorted.length) - 1)]!,
    };
  };
  const prompt = ofAll(trace.promptTokens);
  const output = ofAll(trace.outputTokens);
  return {
    summary: {
      name: trace.name,
      requests,
      requestsPerSecond: (trace.seconds.length / span) * rateScale,
      rateScale,
      hasPrefixes: trace.hashStarts.length > 0,
      agents: false,
      meanPromptTokens: prompt.mean,
      p99PromptTokens: prompt.p99,
      meanOutputTokens: output.mean,
      p99OutputTokens: output.p99,
    },
    lengths,
    source: (seed) => new TraceSource(trace, requests, rateScale, batchShare, new Rng(seed)),
    closedLoop: (users, count, seed) => new ClosedLoopSource(users, count, lengths, new Rng(seed)),
  };
}

function userWorkload(spec: WorkloadSpec & { kind: 'users' }): Workload {
  const { users, thinkSeconds, requests, prompt, output } = spec;
  const lengths: LengthSpec = { kind: 'drawn', prompt, output };
  return {
    summary: {
      name: `${users} users who think for ${thinkSeconds} s`,
      requests,
      requestsPerSecond: 0,
      rateScale: 1,
      hasPrefixes: false,
      agents: false,
      ...sampled(lengths),
    },
    lengths,
    source: (seed) => new ClosedLoopSource(users, requests, lengths, new Rng(seed), thinkSeconds),
    closedLoop: (many, count, seed) => new ClosedLoopSource(many, count, lengths, new Rng(seed)),
  };
}

function agentWorkload(spec: AgentSpec): Workload {
  const turns = meanLength(spec.turns);
  const grown = meanLength(spec.outputTokens) + meanLength(spec.toolTokens);
  // A turn in the middle of a task stands for all.
  const lengths: LengthSpec = {
    kind: 'drawn',
    prompt: {
      kind: 'lognormal',
      mean: Math.min(meanLength(spec.firstPromptTokens) + (turns / 2) * grown, spec.maxContext / 2),
      spread: 0.5,
    },
    output: spec.outputTokens,
  };
  return {
    summary: {
      name: `${spec.agents} coding agents`,
      requests: Math.round(spec.tasks * turns),
      requestsPerSecond: 0,
      rateScale: 1,
      hasPrefixes: true,
      agents: true,
      ...sampled(lengths),
    },
    lengths,
    source: (seed) => new AgentSource(spec, new Rng(seed)),
    closedLoop: (users, count, seed) => new ClosedLoopSource(users, count, lengths, new Rng(seed)),
  };
}

function sampled(
  lengths: LengthSpec & { kind: 'drawn' },
): Pick<WorkloadSummary, 'meanPromptTokens' | 'p99PromptTokens' | 'meanOutputTokens' | 'p99OutputTokens'> {
  const p99 = (of: LengthDistribution): number => {
    const rng = new Rng(1);
    const samples = Float64Array.from({ length: SAMPLES }, () => draw(of, rng)).sort();
    return Math.max(1, Math.round(samples[Math.ceil(0.99 * SAMPLES) - 1]!));
  };
  return {
    meanPromptTokens: meanLength(lengths.prompt),
    p99PromptTokens: p99(lengths.prompt),
    meanOutputTokens: meanLength(lengths.output),
    p99OutputTokens: p99(lengths.output),
  };
}

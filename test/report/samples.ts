/** Results in the shape of real ones, with numbers from a seed: reports must show any of them. */
import type { BenchResult, Contender, MeasuredRow, Spread } from '#src/bench/types.js';
import { Rng } from '#src/core/rng.js';
import type { CapacityAnswer, CapacityResult, LatencySummary } from '#src/fleet/types.js';

const spreadOf = (rng: Rng, around: number): Spread => {
  const samples = Array.from({ length: 5 }, () => around * (0.9 + 0.2 * rng.next()));
  const sorted = samples.toSorted((a, b) => a - b);
  const spread = (sorted[3]! - sorted[1]!) / 2 / sorted[2]!;
  return { median: sorted[2]!, min: sorted[0]!, max: sorted[4]!, spread, samples };
};

export function sampleBench(seed: number): BenchResult {
  const rng = new Rng(seed);
  const models = [
    { name: 'glint', parameters: 15_200_000, bytes: 16.2e6 },
    { name: 'SmolLM2 135M Q8_0', parameters: 134_515_008, bytes: 144e6 },
  ];
  const rows = (contender: Contender, speed: number): MeasuredRow[] =>
    models.flatMap(({ name, bytes }) =>
      (['prefill', 'decode'] as const).flatMap((phase) =>
        [64, 512].flatMap((promptTokens) =>
          (contender === 'waferflow' ? [1, 4] : [1]).map((batch): MeasuredRow => {
            const decode = phase === 'decode';
            const tokensPerSecond = spreadOf(rng, (speed * 1e10 * (decode ? 1 : 7)) / bytes);
            const ms = 1e3 / tokensPerSecond.median;
            return {
              contender,
              backend: contender === 'waferflow' ? 'wasm SIMD, 2 workers' : 'gpu.js 2.24.1, cpu',
              model: name,
              phase,
              promptTokens,
              generatedTokens: decode ? 128 : 1,
              batch,
              wanted: { promptTokens: 8 * promptTokens, generatedTokens: decode ? 128 : 1 },
              tokensPerSecond,
              countedTokens: 5 * batch * (decode ? 127 : promptTokens),
              ttftMs: spreadOf(rng, ms * promptTokens),
              itlMs: decode ? { count: 635, p50: ms, p90: ms * 1.1, p99: ms * 1.9, max: ms * 7.3 } : null,
              bytesPerToken: decode ? bytes + promptTokens * 1e4 : null,
              gigabytesPerSecond: decode ? (bytes * tokensPerSecond.median) / 1e9 : null,
              bandwidthShare: decode ? (bytes * tokensPerSecond.median) / 14e9 : null,
              launchesPerToken: contender === 'baseline' ? 211 : null,
              energy: { joulesPerToken: null, source: 'no readable energy counter on this machine' },
            };
          }),
        ),
      ),
    );
  const measured = [...rows('waferflow', 1), ...rows('baseline', 0.03), ...rows('wllama', 0.6)];
  const ratios = measured
    .filter(({ contender }) => contender === 'baseline' || contender === 'wllama')
    .map(({ contender, model, phase, promptTokens, generatedTokens, batch }) => ({
      against: contender as 'baseline' | 'wllama',
      model,
      phase,
      promptTokens,
      generatedTokens,
      batch,
      ratio: spreadOf(rng, contender === 'baseline' ? 31 : 1.7),
    }));
  return {
    date: '2026-11-23T04:30:00.000Z',
    command: 'waferflow bench --html bench.html',
    versions: { waferflow: '0.1.0', node: '20.20.2', v8: '11.3.244.8', 'gpu.js': '2.24.1', wllama: '2.3.1' },
    machine: {
      cpu: 'AMD EPYC 7B13',
      cores: 2,
      memoryBytes: 16 * 2 ** 30,
      system: 'linux x64',
      gpu: null,
      bandwidth: [
        { threads: 1, gigabytesPerSecond: 10.41 + rng.next() },
        { threads: 2, gigabytesPerSecond: 13.37 + rng.next() },
      ],
      load: 0.31,
    },
    quick: false,
    rounds: 5,
    budgetSeconds: 300,
    models: models.map(({ name, parameters, bytes }) => ({
      name,
      weights: name === 'glint' ? 'trained' : 'random',
      weightType: 'Q8_0',
      parameters,
      layers: 30,
      hiddenSize: 576,
      vocabSize: 49_152,
      fileBytes: bytes,
    })),
    ratioToGpuStyleBaseline: Math.min(
      ...ratios
        .filter(({ against, phase }) => against === 'baseline' && phase === 'decode')
        .map((r) => r.ratio.median),
    ),
    ratios,
    measured,
    simulated: ['wse-3', 'h200'].map((machine) => ({
      machine,
      kind: machine === 'wse-3' ? 'wafer' : 'gpu',
      count: 1,
      model: 'glint',
      promptTokens: 64,
      generatedTokens: 128,
      concurrency: 1,
      ttftMs: 30 + rng.next(),
      tpotMs: 0.1 + rng.next(),
      tokensPerSecondPerUser: 5000 * rng.next(),
      tokensPerSecond: 5000 * rng.next(),
      kilowatts: 23,
      joulesPerToken: rng.next(),
      dollarsPerMTokens: 3 * rng.next(),
      boundBy: 'latency',
      tag: machine === 'wse-3' ? 'guessed' : 'fitted',
      peakFlops: 1e15,
      peakBytesPerSecond: 1e12,
    })),
    absent: [{ contender: 'node-llama-cpp', reason: 'not installed: npm ci --prefix bench/peers' }],
    notes: ['The machine ran nothing else.'],
  };
}

const latency = (rng: Rng, p50: number): LatencySummary => ({
  count: 9_271,
  mean: p50 * (1.05 + 0.1 * rng.next()),
  p50,
  p90: p50 * (1.4 + 0.1 * rng.next()),
  p95: p50 * (1.6 + 0.1 * rng.next()),
  p99: p50 * (2.1 + 0.4 * rng.next()),
  max: p50 * (5 + rng.next()),
});

function answer(rng: Rng, machine: string, title: string, meets: boolean): CapacityAnswer {
  const wafer = machine === 'wse-3';
  const count = wafer ? 8 : 16 + rng.below(40);
  const ttftMs = latency(rng, wafer ? 160 : 210);
  const tpotMs = latency(rng, wafer ? 1.2 : 8);
  const limit = (metric: 'ttft' | 'tpot', limitMs: number, reachedMs: number) =>
    ({ metric, limitMs, reachedMs, attained: meets ? 0.993 : 0.871, meets: reachedMs <= limitMs }) as const;
  const slo = [limit('ttft', meets ? 500 : 300, ttftMs.p99), limit('tpot', 20, tpotMs.p99)];
  const price = wafer ? 80 : 3.5;
  const common = { goodput: 10 + rng.next(), costPerMTokens: 20 * rng.next() + 1, kilowatts: count * 1.7 };
  const joulesPerToken = 4 + rng.next();
  return {
    machine,
    title,
    kind: wafer ? 'wafer' : 'gpu',
    count,
    meets,
    ...common,
    dollarsPerHour: count * price,
    joulesPerToken,
    error: { tpotPercent: 12, ttftPercent: 40, rows: 90, basis: 'a sample' },
    configuration: {
      machine,
      machinesPerReplica: wafer ? 4 : 8,
      replicas: Math.round(count / (wafer ? 4 : 8)),
      prefillReplicas: 0,
      decodeReplicas: 0,
      chunkTokens: 8192,
      maxBatch: 64,
      weightBits: 16,
      kvBits: 16,
      grid: wafer ? '755 x 1170' : null,
    },
    result: {
      requests: 9_412,
      finished: 9_400,
      rejected: 12,
      preemptions: 3,
      retried: 0,
      seconds: 3_600,
      promptTokens: 19e6,
      cachedPromptTokens: 0,
      generatedTokens: 262_144,
      requestsPerSecond: 10.3,
      tokensPerSecond: 288,
      tokensPerSecondPerUser: 1e3 / tpotMs.p50,
      goodput: common.goodput,
      tiers: [
        {
          tier: 'interactive',
          requests: 9_412,
          finished: 9_400,
          rejected: 12,
          ttftMs,
          tpotMs,
          itlMs: latency(rng, tpotMs.p50),
          e2elMs: latency(rng, 900),
          queueDelayMs: latency(rng, 11),
        },
      ],
      slo,
      utilisation: 0.3 + 0.5 * rng.next(),
      kvOccupancy: 0.2 + 0.2 * rng.next(),
      kvOccupancyPeak: 0.7 + 0.3 * rng.next(),
      peakRunning: 187,
      peakWaiting: 31,
      kilowatts: common.kilowatts,
      joulesPerToken,
      dollarsPerHour: count * price,
      dollarsPerMTokens: common.costPerMTokens,
      tasks: {
        tasks: 200,
        turns: 2_950,
        taskMs: latency(rng, 90_000),
        meanFirstTokenMs: ttftMs.mean * 15,
        meanDecodeMs: tpotMs.mean * 4_000,
        meanToolMs: 41_000,
        meanThinkMs: 9_000,
      },
      timeline: Array.from({ length: 120 }, (_, at) => ({
        seconds: (at + 1) * 30,
        kvOccupancy: 0.3 + 0.2 * Math.sin(at / 9) + 0.1 * rng.next(),
      })),
    },
    shortfall: slo.find(({ meets: kept }) => !kept) ?? null,
    reason: null,
    tag: wafer ? 'guessed' : 'fitted',
    assumptions: [
      {
        name: 'price per machine',
        value: `${price} $/h`,
        tag: wafer ? 'guessed' : 'published',
        source: wafer ? 'guess: about 2.5 M$ per system over four years' : '2026 rental offers',
        given: false,
      },
      {
        name: 'power per machine',
        value: '1730 W',
        tag: 'published',
        source: 'InferenceX dashboard',
        given: false,
      },
      { name: 'KV memory', value: '41 GB', tag: 'derived', source: 'what the weights leave', given: false },
    ],
  };
}

export function sampleCapacity(seed: number): CapacityResult {
  const rng = new Rng(seed);
  const fits = [
    answer(rng, 'wse-3', 'Cerebras WSE-3 (CS-3)', true),
    answer(rng, 'h100', 'NVIDIA H100 SXM', false),
    answer(rng, 'b200', 'NVIDIA B200', true),
  ];
  const none: CapacityAnswer = {
    ...fits[0]!,
    machine: 'l4',
    title: 'NVIDIA L4',
    kind: 'gpu',
    count: 0,
    meets: false,
    goodput: 0,
    costPerMTokens: 0,
    dollarsPerHour: 0,
    kilowatts: 0,
    joulesPerToken: 0,
    configuration: null,
    result: null,
    shortfall: null,
    reason: '141 GB of weights in 16 bits do not fit 64 GPUs of 24 GB within one node',
    assumptions: [],
  };
  return {
    simulated: true,
    model: 'llama-3.1-70b',
    seed,
    slo: { ttftMs: 500, tpotMs: 20, percentile: 99 },
    workload: {
      name: 'Azure code trace 2023, 10 times as often',
      requests: 9_412,
      requestsPerSecond: 26.1,
      rateScale: 10,
      meanPromptTokens: 2_048,
      p99PromptTokens: 7_400,
      meanOutputTokens: 28,
      p99OutputTokens: 243,
      hasPrefixes: false,
      agents: true,
    },
    answers: [...fits, none],
    frontier: fits.flatMap(({ machine, configuration }) =>
      [1, 2, 4, 8, 16, 32, 64].map((users) => ({
        machine,
        users,
        tokensPerSecondPerUser: (machine === 'wse-3' ? 900 : 90) / (1 + users / 20) + rng.next(),
        tokensPerSecondPerMachine: (users * (machine === 'wse-3' ? 220 : 12)) / (1 + users / 20),
        dollarsPerMTokens: 900 / users,
        ttftP99Ms: 100 + 10 * users,
        tpotP99Ms: 1 + users / 10,
        configuration: configuration!,
        onFrontier: users !== 8,
      })),
    ),
    trials: fits.flatMap(({ machine, configuration }) =>
      [4, 8, 16].map((count) => ({
        machine,
        count,
        meets: count > 8,
        isComplete: count > 4,
        goodput: count * rng.next(),
        ttftMs: 9_000 / count,
        tpotMs: 300 / count,
        dollarsPerMTokens: count * rng.next(),
        configuration: configuration!,
      })),
    ),
    closest: null,
    assumptions: [
      {
        name: 'scheduling',
        value: 'continuous batching, prefill in chunks',
        tag: 'published',
        source: 'vLLM’s scheduler',
        given: false,
      },
    ],
    command:
      'waferflow capacity --model llama-3.1-70b --trace azure-code.csv --rate-scale 10 --slo ttft=500ms,tpot=20ms',
  };
}

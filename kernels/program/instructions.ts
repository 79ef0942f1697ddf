/**
 * The program image and the control block, word by word: shared by the TypeScript that writes them
 * (src/runtime/program/image.ts) and the AssemblyScript that runs them (wasm.ts), so: no type annotations here.
 *
 * An image is a list of instructions of WORDS i32 words: [op, operands ...], ended by OP_END. Every fact is an operand.
 */
export const WORDS = 24;

export const OP_END = 0;
/** All workers meet. Needed where a worker reads what another one wrote. */
export const OP_BARRIER = 1;
/** x rows = W[index] * scale: [weights, type, columns, x, xStride, index, constant, scale (f32 bits)]. */
export const OP_EMBEDDING = 2;
/** activation = norm(x): [x, xStride, weight, columns, eps (f32 bits), folds, rows, quantise, how, bias]. */
export const OP_NORM = 3;
/** activation = quantised buffer, `runs` vectors of `columns` side by side: [source, sourceStride, columns, rows, runs]. */
export const OP_QUANTIZE = 4;
/** y = W activation + bias: [type, weights, outRows, columns, x or 0 for the normed activation, xStride, y, yStride, folds, rows, bias]. */
export const OP_MATMUL = 5;
/** out = to + times * from: [to, toStride, from, fromStride, out, outStride, n, rows, times (f32 bits)]. */
export const OP_ADD = 6;
/** out = act(x) * by * times: [x, xStride, xRun, by or 0, byStride, byRun, out, outStride, n, rows, act, times, settings]. */
export const OP_ACTIVATION = 7;
/** [x, xStride, y, yStride, heads, dim, first, dims, isHalves, ropeTable, rows]. */
export const OP_ROPE = 8;
/** Rows of one sequence that a worker attends to at once. */
export const ATTENTION_RUN = 32;
/** out = attention(q): [q, qStride, out, outStride, layerPages, folds, heads, kvHeads, dim, valueDim, scale (f32 bits), facts, isCausal]. */
export const OP_ATTENTION = 9;
/** The most likely token of every logits row: [logits, stride, vocabulary]. */
export const OP_ARGMAX = 10;
/** k and v into the KV cache: [k, kStride, v, vStride, layerPages, kvHeads, dim, valueDim]. */
export const OP_APPEND = 11;
/** y = norm(x), y elsewhere than x: [x, xStride, weight, columns, eps, folds, rows, how, bias, y, yStride]. */
export const OP_NORM_TO = 12;
/** The same on every run of `per`: [x, xStride, weight, per, eps, weightStep, rows, how, bias, y, yStride, runs]. */
export const OP_NORM_RUNS = 13;
/** out = x * weight + bias: [x, xStride, weight or 0, weightStep, bias or 0, out, outStride, n, rows]. */
export const OP_SCALE = 14;
/** out [groups][outWidth] from `to` on = x [xGroups][xWidth] from `first` on: [x, xStride, xWidth or 0, first, count, out, outStride, outWidth, to, groups, rows]. */
export const OP_COPY = 15;
/** out = experts' numbers, then weights: [logits, stride, experts, top, scoring, chooseBy, bias, groups, used, isNormalised, times (f32 bits), out, outStride, rows]. */
export const OP_ROUTE = 16;
/** y [top][outRows] = W[chosen] x: [type, weights, matrixBytes, matrices, outRows, columns, x, xStride, isInputPerExpert, chosen, chosenStride, top, y, yStride, bias, isWeighed, folds, rows]. */
export const OP_EXPERT_LINEAR = 17;
/** out = sum of weight * x over `top`: [x, xStride, weights or 0, weightsStride, top, out, outStride, n, rows]. */
export const OP_MIX = 18;

/** out [n] = weights of streams of logits: [x, xStride, n, streams, isSoftmax, scale or 0, base or 0, eps, magnitude, writeEps (f32 bits), out, outStride, rows, iterations]. */
export const OP_WEIGH_STREAMS = 19;
/** out [streams][features]: [x, xStride, from, fromStride, weights, weightsStride, out, outStride, streams, features, isMixed, rows]. */
export const OP_WRITE_STREAMS = 20;

/** Copies values into another memory, then runs the image there, if not 0: [memory, image, copies]. */
export const OP_VISIT = 21;
/** Copies for a visit: [count, then of each: the memory it comes from, address, stride, the control word that counts its rows]. */
export const VISIT_COPY_WORDS = 4;

/** [x, xStride, out, outStride, state (its place among a sequence's), channels, length, weight, bias or 0, act]. */
export const OP_CONV = 32;
/** out = x of the position before: [x, xStride, out, outStride, state, features]. */
export const OP_SHIFT = 33;
/** [x, xStride, dt, dtStride, b, bStride, c, cStride, out, outStride, state, heads, headDim, stateSize, groups, a, aStep, d or 0, dStep]. */
export const OP_SCAN = 34;
/** [q, qStride, k, kStride, v, vStride, decay, decayStride, beta or 0, betaStride, out, outStride, state, heads, keyHeads, keyDim, valueDim, decayStep, isDelta, scale (f32 bits)]. */
export const OP_LINEAR_ATTENTION = 35;
/** [r, rStride, w, wStride, k, kStride, v, vStride, a, aStride, b, bStride, out, outStride, state, heads, dim, bonus or 0]. */
export const OP_WKV = 36;

/** Which rows an instruction works on: all of the batch, those whose logits are wanted, or the latter taken from all. */
export const ROWS_ALL = 0;
export const ROWS_LOGITS = 1;
export const ROWS_PICKED = 2;

/** What an embedding's row is. */
export const INDEX_TOKEN = 0;
export const INDEX_POSITION = 1;
export const INDEX_CONSTANT = 2;
export const INDEX_ADAPTER = 3;

export const NORM_RMS = 0;
export const NORM_LAYER = 1;
export const NORM_L2 = 2;

// Control block, in i32 words from its start.
/** Counts steps of several workers, above the number of workers that take part; workers sleep on it between steps. */
export const CTL_EPOCH = 0;
/** The bits of the epoch that hold the number of workers. */
export const EPOCH_WORKERS = 255;
export const CTL_IMAGE = 1;
/** Batch rows (tokens in this step) and rows whose logits are wanted. */
export const CTL_ROWS = 2;
export const CTL_LOGIT_ROWS = 3;
/** Microseconds of all workers' waits within steps that were too long for a worker at work; wraps around. */
export const CTL_LONG_WAITS_US = 4;
/** Not zero: every wait ends and every program returns. */
export const CTL_ABORT = 5;
export const CTL_BARRIER_COUNT = 8;
export const CTL_BARRIER_GENERATION = 16;
export const CTL_SLEEPERS = 24;
/** Bounds of how many polls a waiting worker makes before it sleeps. */
export const CTL_POLLS_LEAST = 25;
export const CTL_POLLS_MOST = 26;
// Addresses and sizes that kernels need and that do not change after loading.
export const CTL_TOKENS = 32;
export const CTL_POSITIONS = 33;
/** i32 per row: the address of its sequence's page numbers. */
export const CTL_PAGES = 34;
/** i32 per logits row: which batch row it is. */
export const CTL_LOGIT_INDEX = 35;
/** i32 per logits row and worker: the best token of the worker's share. */
export const CTL_ARGMAX = 36;
/** Normed activations: f32 rows and quantised rows, shared by all workers. */
export const CTL_ACT = 37;
export const CTL_ACT_STRIDE = 38;
export const CTL_ACTQ = 39;
export const CTL_ACTQ_STRIDE = 40;
/** Worker w's own memory is at CTL_PRIVATE + w * CTL_PRIVATE_STRIDE: act, actq, scratch of the op at work. */
export const CTL_PRIVATE = 41;
export const CTL_PRIVATE_STRIDE = 42;
export const CTL_PRIVATE_ACTQ = 43;
export const CTL_PRIVATE_SCRATCH = 44;
export const CTL_KV_VALUE_BYTES = 45;
/** i32 per row: the address of its sequence's recurrent states. */
export const CTL_STATES = 46;
/** i32 per row: the choice of adapters of its sequence. */
export const CTL_ADAPTERS = 47;
/** Not zero: worker 0 adds up the time of every instruction. */
export const CTL_IS_PROFILED = 48;
/** Milliseconds of worker 0, an f64 per op. */
export const CTL_TIMES = 64;
/** More than the largest number of an op. */
export const OPS = 64;
export const CTL_WORDS = 192;

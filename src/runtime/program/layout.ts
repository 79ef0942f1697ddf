/**
 * Where everything lies in the engine's memories: one pass over the plan and the weights, before anything is loaded. What
 * does not fit one memory lies in several shards, each with a run of layers: their weights, caches and states.
 */
import { refsOf } from '../../../models/weights.js';
import type { WeightInfo } from '../../formats/gguf.js';
import type { PlacedOp, Plan } from '../../placement/plan.js';
import { type LayoutOptions, layOutFrame } from './frame.js';
import { type Layout, Shard } from './shard.js';
import { unitsOf } from './units.js';

/** All memories, and which of them each op of the plan computes in, by the op's place. */
export interface Layouts {
  readonly all: readonly Layout[];
  readonly of: readonly number[];
}

/** Sizes are exact, so the arenas tell what the engine will need before any of it is loaded. */
export function layOut(
  plan: Plan,
  tensors: ReadonlyMap<string, WeightInfo>,
  options: LayoutOptions,
): Layouts {
  const { ops } = plan;
  const { frame, arena } = layOutFrame(plan, widestRow(ops, tensors), options);
  const shards: Shard[] = [];
  const shardOf = new Map<PlacedOp, number>();
  const put = (some: readonly PlacedOp[], shard: number): void => {
    if (shard === shards.length) shards.push(new Shard(frame, tensors, options.stateWords, arena.copy()));
    shards[shard]!.take(some);
    for (const op of some) shardOf.set(op, shard);
  };
  const spare = programBytes(plan);
  for (const unit of unitsOf(ops, frame.direct)) {
    // Who attends to keys and values that another op has cached does so where they lie.
    const away = unit.filter((op) => op.kind === 'attention' && op.k === null);
    const rest = unit.filter((op) => !away.includes(op));
    const hasRoom = (shard: Shard): boolean => shard.hasRoomFor(rest, spare);
    const known = shards.findLastIndex((shard) => shard.holdsMatricesOf(rest) && hasRoom(shard));
    const newest = shards.length - 1;
    put(rest, known >= 0 ? known : newest >= 0 && hasRoom(shards[newest]!) ? newest : newest + 1);
    for (const op of away) {
      if (op.kind === 'attention')
        put(
          [op],
          shards.findIndex((shard) => shard.holdsCache(op.cache)),
        );
    }
  }
  return { all: shards.map((shard) => shard.layout()), of: ops.map((op) => shardOf.get(op)!) };
}

/** More than the programs of a shard take, whose size is known last. */
function programBytes({ ops, rect: { width, height } }: Plan): number {
  return 2048 * ops.length + 1024 * (width + height);
}

function widestRow(ops: readonly PlacedOp[], tensors: ReadonlyMap<string, WeightInfo>): number {
  const matrices = ops.flatMap((op) => refsOf(op).matrices);
  return matrices.reduce((widest, { name, shape }) => {
    const { byteLength, elements } = tensors.get(name)!;
    return Math.max(widest, (byteLength * shape.at(-1)!) / elements);
  }, 0);
}

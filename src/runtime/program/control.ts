/** Writes the control block (kernels/program/instructions.ts): where workers find what does not change after loading. */
import {
  CTL_ABORT,
  CTL_ACT,
  CTL_ACT_STRIDE,
  CTL_ACTQ,
  CTL_ACTQ_STRIDE,
  CTL_ADAPTERS,
  CTL_ARGMAX,
  CTL_KV_VALUE_BYTES,
  CTL_LOGIT_INDEX,
  CTL_PAGES,
  CTL_POLLS_LEAST,
  CTL_POLLS_MOST,
  CTL_POSITIONS,
  CTL_PRIVATE,
  CTL_PRIVATE_ACTQ,
  CTL_PRIVATE_SCRATCH,
  CTL_PRIVATE_STRIDE,
  CTL_STATES,
  CTL_TOKENS,
} from '../../../kernels/program/instructions.js';
import type { Layout } from './shard.js';

/**
 * Polls of a waiting worker before it sleeps, about 1.5 ns each: 200 microseconds at most bridge every wait for a
 * worker at work and the leader's time between two steps; see kernels/program `waitChange` and bench/LOG.md.
 */
const polls = { least: 4_000, most: 128_000 };
/** With more workers than cores the one that is waited for needs the core that polling would burn. */
const crowdedPolls = { least: 50, most: 50 };

export function writeControl(words: Int32Array, layout: Layout, cores: number): void {
  const { least, most } = layout.workers > cores ? crowdedPolls : polls;
  const values: Readonly<Record<number, number>> = {
    [CTL_ABORT]: 0,
    [CTL_POLLS_LEAST]: least,
    [CTL_POLLS_MOST]: most,
    [CTL_TOKENS]: layout.tokens,
    [CTL_POSITIONS]: layout.positions,
    [CTL_ADAPTERS]: layout.rowAdapters,
    [CTL_PAGES]: layout.rowPages,
    [CTL_STATES]: layout.rowStates,
    [CTL_LOGIT_INDEX]: layout.logitIndex,
    [CTL_ARGMAX]: layout.argmax,
    [CTL_ACT]: layout.act.address,
    [CTL_ACT_STRIDE]: layout.act.stride,
    [CTL_ACTQ]: layout.actq.address,
    [CTL_ACTQ_STRIDE]: layout.actq.stride,
    [CTL_PRIVATE]: layout.own.address,
    [CTL_PRIVATE_STRIDE]: layout.own.stride,
    [CTL_PRIVATE_ACTQ]: layout.own.actq,
    [CTL_PRIVATE_SCRATCH]: layout.own.scratch,
    [CTL_KV_VALUE_BYTES]: layout.kvValueBytes,
  };
  const at = layout.control / 4;
  for (const [word, value] of Object.entries(values)) words[at + Number(word)] = value;
}

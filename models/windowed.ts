/** Layers that see a window beside layers that see everything, each kind with a RoPE of its own. */
import type { Config } from './config.js';
import type { RopeTable, Window } from './op.js';

export interface LayerView {
  readonly isLocal: boolean;
  readonly window: Window | null;
  readonly rope: RopeTable;
}

/**
 * What each layer sees: all but every `period`-th (`isFirstWhole`: the first of them) a window of `size`, unless the file
 * says otherwise. `isLocalPlain`: positions are not stretched within windows.
 */
export function windowed(
  config: Config,
  period: number,
  {
    isFirstWhole = false,
    isLocalPlain = false,
    size = config.count('attention.sliding_window', 0),
    kind = 'sliding',
  }: { isFirstWhole?: boolean; isLocalPlain?: boolean; size?: number; kind?: Window['kind'] } = {},
): (layer: number) => LayerView {
  const flags = size > 0 ? config.windowed(period, { isFirstWhole }) : [];
  const whole = config.rope();
  const theta = config.number('rope.freq_base_swa', whole.theta);
  const dims = config.count('rope.dimension_count_swa', whole.dims);
  const local = { ...whole, theta, dims, ...(isLocalPlain ? { divisor: 1, yarn: null, magnitude: 1 } : {}) };
  return (layer) => {
    const isLocal = flags[layer] ?? false;
    return { isLocal, window: isLocal ? { kind, size } : null, rope: isLocal ? local : whole };
  };
}

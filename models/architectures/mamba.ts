/** Mamba 1 and 2: layers of a norm and a scan, no attention and no MLP. */
import type { Architecture } from '../architecture.js';
import { decoder } from '../decoder.js';
import { mamba, mamba2 } from '../states.js';

export const mambas: readonly Architecture[] = [
  {
    names: ['mamba'],
    build: (config) =>
      decoder(config, { mixer: mamba({ isNormed: config.flag('ssm.dt_b_c_rms', false) }), mlp: null }),
  },
  { names: ['mamba2'], build: (config) => decoder(config, { mixer: mamba2, mlp: null }) },
];

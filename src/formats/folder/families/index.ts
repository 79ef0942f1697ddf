/** The kinds of models that folders hold, by config.json's `model_type`: a family is a row. */
import type { Family } from '../family.js';
import { denseFamilies } from './dense.js';
import { encoderFamilies } from './encoders.js';
import { recurrentFamilies } from './recurrent.js';
import { sparseFamilies } from './sparse.js';

export const FAMILIES: Readonly<Record<string, Family>> = {
  ...denseFamilies,
  ...sparseFamilies,
  ...recurrentFamilies,
  ...encoderFamilies,
};

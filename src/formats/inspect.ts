/** What a GGUF file holds, and whether it runs here: from its header alone, before its tensors are there. */
import { writesText } from '../../models/embedding.js';
import { messageOf } from '../core/errors.js';
import type { GgufFile } from './gguf.js';
import { readModel } from './model-file.js';
import { isWeightType } from './tensor-types.js';
import { createTokenizer } from './tokenizer.js';

export interface ModelReport {
  readonly architecture: string | null;
  readonly parameters: number;
  /** Of the tensors. */
  readonly bytes: number;
  /** Bytes of each tensor type, largest first. */
  readonly types: Readonly<Record<string, number>>;
  /** Whether the runtime takes it. */
  readonly runs: boolean;
  /** What it answers with; null where the file cannot be read as a model. */
  readonly makes: 'text' | 'vectors' | null;
  /** Why not, a sentence each. */
  readonly refusals: readonly string[];
}

export function inspectModel(file: GgufFile): ModelReport {
  const types = new Map<string, { bytes: number; tensors: number }>();
  let parameters = 0;
  let bytes = 0;
  for (const { type, elements, byteLength } of file.tensors.values()) {
    const sum = types.get(type) ?? { bytes: 0, tensors: 0 };
    types.set(type, { bytes: sum.bytes + byteLength, tensors: sum.tensors + 1 });
    parameters += elements;
    bytes += byteLength;
  }
  const refusals: string[] = [];
  const attempt = <T>(what: () => T): T | null => {
    try {
      return what();
    } catch (thrown) {
      refusals.push(messageOf(thrown));
      return null;
    }
  };
  const unknown = [...types].filter(([type]) => !isWeightType(type));
  for (const [type, { tensors }] of unknown) {
    refusals.push(`${tensors} tensors are of type ${type}, which has no kernels here.`);
  }
  const stored = unknown.length === 0 ? attempt(() => readModel(file)) : null;
  attempt(() => createTokenizer(file));
  const sorted = [...types].sort((a, b) => b[1].bytes - a[1].bytes);
  return {
    architecture: file.optional('general.architecture', 'string', null),
    parameters,
    bytes,
    types: Object.fromEntries(sorted.map(([type, sum]) => [type, sum.bytes])),
    runs: refusals.length === 0,
    makes: stored === null ? null : writesText(stored.model) ? 'text' : 'vectors',
    refusals,
  };
}

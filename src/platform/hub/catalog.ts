/** Good small models by short names, as data: what `waferflow run smollm2` fetches. */
import { MiB } from '../../core/units.js';

export interface CatalogEntry {
  readonly name: string;
  readonly reference: string;
  readonly licence: string;
  readonly about: string;
  /** About so much is fetched. */
  readonly sizeBytes: number;
}

export const CATALOG: readonly CatalogEntry[] = [
  {
    name: 'smollm2',
    reference: 'hf:unsloth/SmolLM2-135M-Instruct-GGUF:Q8_0',
    licence: 'Apache-2.0',
    about: 'SmolLM2 135M Instruct: quick, simple answers',
    sizeBytes: 138 * MiB,
  },
  {
    name: 'smollm2-360m',
    reference: 'hf:HuggingFaceTB/SmolLM2-360M-Instruct-GGUF:Q8_0',
    licence: 'Apache-2.0',
    about: 'SmolLM2 360M Instruct',
    sizeBytes: 368 * MiB,
  },
  {
    name: 'tinyllama',
    reference: 'hf:TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF:Q4_0',
    licence: 'Apache-2.0',
    about: 'TinyLlama 1.1B Chat',
    sizeBytes: 608 * MiB,
  },
  {
    name: 'llama3.2',
    reference: 'hf:bartowski/Llama-3.2-1B-Instruct-GGUF:Q8_0',
    licence: 'Llama 3.2 Community',
    about: 'Llama 3.2 1B Instruct',
    sizeBytes: 1260 * MiB,
  },
];

/** The reference behind a name of the list; other names are returned as they are. */
export function inCatalog(name: string): string {
  return CATALOG.find((entry) => entry.name === name.toLowerCase())?.reference ?? name;
}

/** What a file in architectures/ says: its names, and how its ops follow from a file's description. */
import type { Config } from './config.js';
import type { Decoder } from './decoder.js';

export interface Architecture {
  /** As GGUF's `general.architecture` and config.json's `model_type` name it. */
  readonly names: readonly string[];
  readonly build: (config: Config) => Decoder;
  /** Patterns of tensors that files carry and that play no part in generation; `build` does not see them. */
  readonly ignored?: readonly RegExp[];
  /** Tensors that `build` sees and that not every layer which has them reads. */
  readonly unread?: readonly RegExp[];
}

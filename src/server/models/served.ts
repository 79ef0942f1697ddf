/** One model of the server: how it is loaded, what is known of it, and who uses it. */
import type { ModelShape } from '../../../models/model.js';
import type { EngineHost, EngineLoader } from '../engine-host.js';

/** What is known of a model, loaded or not. */
export interface ModelFacts {
  readonly name: string;
  readonly architecture: string;
  readonly shape: ModelShape;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly licence: string | null;
  readonly chatTemplate: string | null;
  /** Whether it can fill in the middle. */
  readonly fills: boolean;
  readonly vocabSize: number;
  /** Whether it makes vectors and no text; default: no. */
  readonly makesVectors?: boolean;
}

/** How a model is served. */
export interface ModelOptions {
  readonly id: string;
  readonly load: EngineLoader;
  /** Further names. */
  readonly aliases?: readonly string[];
  /** Names of its LoRA adapters: who asks for one of them has the model with that one, all others have it without. */
  readonly adapters?: readonly string[];
  /** Whether it answers to every name that no other model has. */
  readonly takesAnyName?: boolean;
  /** Bytes of memory that it takes once loaded; rejects where that cannot be told. Default: nothing is counted. */
  readonly memory?: () => Promise<number>;
  /** What its file says of it, before it is loaded; rejects where that cannot be read. */
  readonly describe?: () => Promise<ModelFacts>;
  /** Changes when what is loaded has changed, null where it is gone. Default: it never changes. */
  readonly version?: () => Promise<string | null>;
}

/** The name by which clients know a model that is served. */
export interface ServedModel {
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
}

/** A model with the state that the pool keeps of it. */
export interface Served {
  readonly options: ModelOptions;
  readonly host: EngineHost;
  readonly model: ServedModel;
  /** Requests that have it. */
  users: number;
  /** Milliseconds on the clock of `performance.now()`. */
  lastUsedMs: number;
  /** Unloaded after so long without a request. */
  keepAliveMs: number;
  /** Milliseconds since 1970; null while it is used or stays. */
  expiresMs: number | null;
  timer: NodeJS.Timeout | null;
  /** Its users may end, then it gives its room to a model that waits. */
  isRetiring: boolean;
  memoryBytes: number;
  /** Of what is loaded. */
  version: string | null;
  checkedMs: number;
}

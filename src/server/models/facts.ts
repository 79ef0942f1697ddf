/** What lists say of a model: of its engine while it is loaded, else of what its file's header says. */
import type { Engine } from '../../runtime/types.js';
import type { ModelFacts, Served } from './served.js';

/** Null where nothing is known before it is loaded. */
export async function factsOf({ host: { state }, options }: Served): Promise<ModelFacts | null> {
  if (state.kind === 'ready') return engineFacts(state.engine);
  // A file that is gone or broken is told to those who ask for the model.
  return (await options.describe?.().catch(() => null)) ?? null;
}

function engineFacts({ info, tokenizer }: Engine): ModelFacts {
  return {
    name: info.name,
    architecture: info.architecture,
    shape: info.config,
    parameters: info.parameters,
    weightBytes: info.weightBytes,
    licence: info.licence,
    chatTemplate: tokenizer.chatTemplate,
    fills: tokenizer.fim !== null,
    vocabSize: tokenizer.vocabSize,
    makesVectors: info.embedding.isOnly,
  };
}

/** The context of a model that is loaded. */
export function contextOf({ host: { state } }: Served): number | null {
  return state.kind === 'ready' ? state.engine.info.context : null;
}

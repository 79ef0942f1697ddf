/** The model that is served, as Ollama describes models. What is not known stands as an empty text. */
import { createHash } from 'node:crypto';
import type { Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';

/** Models stay loaded. */
const NEVER = '9999-12-31T23:59:59Z';

export function listedModel(context: ServerContext, name = context.model.id) {
  const { model, host } = context;
  const { state } = host;
  const engine = state.kind === 'ready' ? state.engine : null;
  return {
    name,
    model: name,
    modified_at: new Date(model.created * 1000).toISOString(),
    size: engine?.info.weightBytes ?? 0,
    digest: digestOf(context),
    details: details(engine),
  };
}

export function runningModel(context: ServerContext) {
  const { info } = context.host.require();
  return {
    ...listedModel(context),
    size: info.weightBytes + info.kvBytes,
    expires_at: NEVER,
    size_vram: 0,
    context_length: info.context,
  };
}

export function shownModel({ model, host }: ServerContext) {
  const engine = host.require();
  const { info, tokenizer } = engine;
  const { architecture, config } = info;
  const template = tokenizer.chatTemplate ?? '';
  return {
    license: info.licence ?? '',
    modelfile: '',
    parameters: '',
    template,
    details: details(engine),
    model_info: {
      'general.architecture': architecture,
      'general.name': info.name,
      'general.basename': info.name,
      'general.parameter_count': info.parameters,
      [`${architecture}.context_length`]: config.maxPositionEmbeddings,
      [`${architecture}.embedding_length`]: config.hiddenSize,
      [`${architecture}.block_count`]: config.numHiddenLayers,
      [`${architecture}.feed_forward_length`]: config.intermediateSize,
      [`${architecture}.attention.head_count`]: config.numAttentionHeads,
      [`${architecture}.attention.head_count_kv`]: config.numKeyValueHeads,
      [`${architecture}.rope.freq_base`]: config.ropeTheta,
    },
    capabilities: [
      'completion',
      ...(tokenizer.fim === null ? [] : ['insert']),
      ...(/\btools\b/.test(template) ? ['tools'] : []),
    ],
    modified_at: new Date(model.created * 1000).toISOString(),
  };
}

/** Clients show its first digits. The file is not read again for it: it stands for the name and the size. */
function digestOf({ model, host: { state } }: ServerContext): string {
  const bytes = state.kind === 'ready' ? state.engine.info.weightBytes : 0;
  return createHash('sha256').update(`${model.id}:${bytes}`).digest('hex');
}

function details(engine: Engine | null) {
  const family = engine?.info.architecture ?? '';
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: engine === null ? '' : count(engine.info.parameters),
    quantization_level: engine === null ? '' : bitsPerWeight(engine),
  };
}

function count(parameters: number): string {
  const [unit, size] = parameters >= 1e9 ? ['B', 1e9] : parameters >= 1e6 ? ['M', 1e6] : ['K', 1e3];
  return `${(parameters / Number(size)).toFixed(1)}${unit}`;
}

function bitsPerWeight({ info: { weightBytes, parameters } }: Engine): string {
  return parameters === 0 ? '' : `${((weightBytes * 8) / parameters).toFixed(1)} bits`;
}

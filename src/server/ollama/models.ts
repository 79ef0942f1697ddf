/** The models that are served, as Ollama describes models. What is not known stands as an empty text. */
import { createHash } from 'node:crypto';
import type { Engine } from '../../runtime/types.js';
import { factsOf } from '../models/facts.js';
import type { NamedModel } from '../models/models.js';
import type { ModelFacts, Served } from '../models/served.js';
import { parameterLines, writeModelfile } from './modelfile.js';

/** Of models that stay loaded. */
const NEVER = '9999-12-31T23:59:59Z';

export async function listedModel({ name, served }: NamedModel) {
  const facts = await factsOf(served);
  return {
    name,
    model: name,
    modified_at: modifiedAt(served),
    size: facts?.weightBytes ?? 0,
    digest: digestOf(served, facts),
    details: details(facts),
  };
}

export async function runningModel(named: NamedModel, { info }: Engine) {
  const { users, expiresMs, keepAliveMs } = named.served;
  // One that is used stays so long after that.
  const until = users > 0 && Number.isFinite(keepAliveMs) ? Date.now() + keepAliveMs : expiresMs;
  return {
    ...(await listedModel(named)),
    size: info.weightBytes + info.kvBytes,
    expires_at: until === null ? NEVER : new Date(until).toISOString(),
    size_vram: 0,
    context_length: info.context,
  };
}

export async function shownModel({ name, served, preset }: NamedModel) {
  const facts = await factsOf(served);
  const parameters = preset?.parameters ?? {};
  const system = preset?.system ?? null;
  const from = preset?.from ?? name;
  const template = facts?.chatTemplate ?? '';
  return {
    license: preset?.licence ?? facts?.licence ?? '',
    modelfile: writeModelfile({ from, system, parameters, template: null, licence: null }),
    parameters: parameterLines(parameters).join('\n'),
    template,
    ...(system !== null && { system }),
    details: { ...details(facts), parent_model: preset?.from ?? '' },
    model_info: facts === null ? {} : modelInfo(facts),
    capabilities: [
      facts?.makesVectors === true ? 'embedding' : 'completion',
      ...(facts?.fills === true ? ['insert'] : []),
      ...(/\btools\b/.test(template) ? ['tools'] : []),
    ],
    modified_at: modifiedAt(served),
  };
}

function modelInfo({ architecture, name, parameters, shape }: ModelFacts) {
  return {
    'general.architecture': architecture,
    'general.name': name,
    'general.basename': name,
    'general.parameter_count': parameters,
    [`${architecture}.context_length`]: shape.maxPositionEmbeddings,
    [`${architecture}.embedding_length`]: shape.hiddenSize,
    [`${architecture}.block_count`]: shape.numHiddenLayers,
    [`${architecture}.feed_forward_length`]: shape.intermediateSize,
    [`${architecture}.attention.head_count`]: shape.numAttentionHeads,
    [`${architecture}.attention.head_count_kv`]: shape.numKeyValueHeads,
    [`${architecture}.rope.freq_base`]: shape.ropeTheta,
  };
}

function modifiedAt({ model }: Served): string {
  return new Date(model.created * 1000).toISOString();
}

/** Clients show its first digits. The file is not read again for it: it stands for the name and the size. */
function digestOf({ options }: Served, facts: ModelFacts | null): string {
  return createHash('sha256')
    .update(`${options.id}:${facts?.weightBytes ?? 0}`)
    .digest('hex');
}

function details(facts: ModelFacts | null) {
  const family = facts?.architecture ?? '';
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: facts === null ? '' : count(facts.parameters),
    quantization_level: facts === null ? '' : bitsPerWeight(facts),
  };
}

function count(parameters: number): string {
  const [unit, size] = parameters >= 1e9 ? ['B', 1e9] : parameters >= 1e6 ? ['M', 1e6] : ['K', 1e3];
  return `${(parameters / Number(size)).toFixed(1)}${unit}`;
}

function bitsPerWeight({ weightBytes, parameters }: ModelFacts): string {
  return parameters === 0 ? '' : `${((weightBytes * 8) / parameters).toFixed(1)} bits`;
}

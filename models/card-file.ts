/** Cards as files: `models/cards/*.json`, a shape with its source. */
import { FormatError } from '../src/core/errors.js';
import { TAGS, type Tag } from '../src/core/provenance.js';
import type { ModelCard } from './card.js';
import { cardFromConfig } from './card-config.js';

/** The names of the cards that come with the package, as in `models/cards/NAME.json`. */
export const CARD_NAMES = [
  'llama-3.1-8b',
  'llama-3.1-70b',
  'llama-3.1-405b',
  'llama-4-scout',
  'llama-4-maverick',
  'llama-2-13b',
  'codellama-34b',
  'qwen2-72b',
  'qwen2.5-72b',
  'qwen3-0.6b',
  'qwen3-1.7b',
  'qwen3-4b',
  'qwen3-8b',
  'qwen3-32b',
  'qwen3-30b-a3b',
  'qwen3-235b-a22b',
  'qwen3-coder-480b-a35b',
  'mixtral-8x7b',
  'gpt-oss-20b',
  'gpt-oss-120b',
  'deepseek-r1',
  'deepseek-v3',
  'kimi-k2',
  'kimi-k2.5',
  'glm-4.7',
  'glm-5',
  'codex-spark-like',
] as const;

/**
 * A parsed card file, or a bare Hugging Face config.json.
 *
 * @throws FormatError or ModelError, as `cardFromConfig`
 */
export function cardFromJson(json: unknown, name: string): ModelCard {
  if (typeof json !== 'object' || json === null || !('config' in json)) {
    return cardFromConfig(json, { name, source: `${name}, read as a Hugging Face config.json` });
  }
  const file = json as Readonly<Record<string, unknown>>;
  const notes = Array.isArray(file.notes) ? file.notes.map(String) : [];
  const tag = TAGS.find((t): t is Tag => t === file.tag);
  if (file.tag !== undefined && tag === undefined) {
    throw new FormatError({
      what: `card ${name}, field "tag"`,
      given: JSON.stringify(file.tag),
      expected: `one of ${TAGS.join(', ')}`,
      todo: 'Say how well the shape is known.',
    });
  }
  return cardFromConfig(file.config, {
    name: typeof file.name === 'string' ? file.name : name,
    source: typeof file.source === 'string' ? file.source : name,
    ...(tag ? { tag } : {}),
    notes,
  });
}

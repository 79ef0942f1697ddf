/** Cards as files: `models/cards/*.json`, a shape with its source. */
import { FormatError } from '../src/core/errors.js';
import { TAGS, type Tag } from '../src/core/provenance.js';
import type { ModelCard } from './card.js';
import { cardFromConfig } from './card-config.js';

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

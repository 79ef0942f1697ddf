/** The cards that come with the package, as far as a view shows them before a worker has read them. */
import { CARD_NAMES } from '../../../../models/card-names.js';

/** A card's file: a config and where it is from. */
export interface CardFile {
  readonly name?: string;
  readonly tag: string;
  readonly config: {
    readonly max_position_embeddings?: number;
    readonly text_config?: { readonly max_position_embeddings?: number };
  };
}

const files = import.meta.glob<CardFile>('../../../../models/cards/*.json', {
  eager: true,
  import: 'default',
});

export const cardFile = (name: string): CardFile => files[`../../../../models/cards/${name}.json`]!;

export interface Offer {
  readonly name: string;
  /** Positions that the model was made for. */
  readonly context: number;
  /** How well its shape is known. */
  readonly tag: string;
}

export const OFFERS: readonly Offer[] = CARD_NAMES.map((name) => {
  const { config, name: title = name, tag } = cardFile(name);
  const context = config.max_position_embeddings ?? config.text_config?.max_position_embeddings;
  return { name: title, context: context ?? Number.POSITIVE_INFINITY, tag };
});

export function offerNamed(name: string): Offer {
  return OFFERS.find((offer) => offer.name === name) ?? OFFERS[0]!;
}

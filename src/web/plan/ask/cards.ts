/** The cards that come with the package, read. */
import type { ModelCard } from '../../../../models/card.js';
import { cardFromJson } from '../../../../models/card-file.js';
import { CARD_NAMES } from '../../../../models/card-names.js';
import { cardFile } from './offers.js';

export const CARDS: readonly ModelCard[] = CARD_NAMES.map((name) => cardFromJson(cardFile(name), name));

export function cardNamed(name: string): ModelCard {
  return CARDS.find((card) => card.name === name) ?? CARDS[0]!;
}

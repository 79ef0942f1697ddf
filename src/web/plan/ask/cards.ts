/** The cards and machines that come with the package, as the page offers them. */
import type { ModelCard } from '../../../../models/card.js';
import { CARD_NAMES, cardFromJson } from '../../../../models/card-file.js';
import { GPUS } from '../../../machine/gpus.js';
import { WAFERS } from '../../../machine/wafers.js';

const files = import.meta.glob<unknown>('../../../../models/cards/*.json', {
  eager: true,
  import: 'default',
});

export const CARDS: readonly ModelCard[] = CARD_NAMES.map((name) =>
  cardFromJson(files[`../../../../models/cards/${name}.json`], name),
);

export function cardNamed(name: string): ModelCard {
  return CARDS.find((card) => card.name === name) ?? CARDS[0]!;
}

export const MACHINES: readonly {
  readonly name: string;
  readonly title: string;
  readonly kind: 'wafer' | 'gpu';
}[] = [...WAFERS, ...GPUS].map(({ name, title, kind }) => ({ name, title, kind }));

/** Short, as on a lane or an axis: `WSE-3`, `RTX 5090`. */
export function machineLabel(name: string): string {
  return name === 'desk' ? 'Desk wafer' : name.toUpperCase().replace('RTX-', 'RTX ');
}

/** The machines that the page offers. */
import { GPUS } from '../../../machine/gpus.js';
import { WAFERS } from '../../../machine/wafers.js';

export const MACHINES: readonly {
  readonly name: string;
  readonly title: string;
  readonly kind: 'wafer' | 'gpu';
}[] = [...WAFERS, ...GPUS].map(({ name, title, kind }) => ({ name, title, kind }));

/** Short, as on a lane or an axis: `WSE-3`, `RTX 5090`. */
export function machineLabel(name: string): string {
  return name === 'desk' ? 'Desk wafer' : name.toUpperCase().replace('RTX-', 'RTX ');
}

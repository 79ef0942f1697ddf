/** How much memory there is. */
import { totalmem } from 'node:os';

/** Of this machine, or of the container that this runs in. */
export function machineBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/** Units at the edges: SI for rates (1e9), binary for sizes (KiB, MiB, GiB). */

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

/** A size for people, e.g. `16.9 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KiB) return `${bytes} B`;
  if (bytes < MiB) return `${(bytes / KiB).toFixed(1)} KiB`;
  if (bytes < GiB) return `${(bytes / MiB).toFixed(1)} MiB`;
  return `${(bytes / GiB).toFixed(2)} GiB`;
}

/** Milliseconds measured on this machine. Never mixed with {@link SimulatedMs}. */
export type MeasuredMs = number & { readonly __unit?: 'measured-ms' };

/** Milliseconds that a simulated machine would take. Never mixed with {@link MeasuredMs}. */
export type SimulatedMs = number & { readonly __unit?: 'simulated-ms' };

/** A PE's SRAM as a bar and a table. */
import { formatBytes, MiB } from '../../core/units.js';
import { isDark } from '../theme.js';
import type { SramSegment } from './draw-pe.js';
import { paletteOf } from './palette.js';

export function MemoryMap({ segments }: { segments: readonly SramSegment[] }) {
  const palette = paletteOf(isDark.value);
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const used = total - (segments.find(({ part }) => part === 'free')?.bytes ?? 0);
  return (
    <>
      <h3>
        SRAM: {formatBytes(Math.round(used))} of {formatBytes(total)}
      </h3>
      <div class="sram" aria-hidden="true">
        {segments.map(({ name, part, bytes }) => (
          <span
            key={name}
            style={{ width: `${(100 * bytes) / total}%`, background: palette.sram[part] }}
            title={name}
          />
        ))}
      </div>
      <table class="small memory">
        <tbody>
          {segments
            .filter(({ bytes }) => bytes > 0)
            .map(({ name, part, bytes }) => (
              <tr key={name}>
                <th scope="row">
                  <span class="swatch" style={{ background: palette.sram[part] }} /> {name}
                </th>
                <td>{bytes < MiB ? `${Math.round(bytes).toLocaleString('en-US')} B` : formatBytes(bytes)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </>
  );
}

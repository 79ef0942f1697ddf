/** A PE's SRAM as a bar and a table. */
import { formatBytes, MiB } from '../../../core/units.js';
import { isDark } from '../../theme.js';
import { plural } from '../../ui/format.js';
import type { SramSegment } from '../draw/draw-pe.js';
import { paletteOf } from '../draw/palette.js';

const MOST_NAMED = 14;

function sizeText(bytes: number): string {
  return bytes < MiB ? `${Math.round(bytes).toLocaleString('en-US')} B` : formatBytes(bytes);
}

export function MemoryMap({ segments }: { segments: readonly SramSegment[] }) {
  const palette = paletteOf(isDark.value);
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const used = total - (segments.find(({ part }) => part === 'free')?.bytes ?? 0);
  const held = segments.filter(({ bytes }) => bytes > 0);
  const rest = held.filter(({ part }) => part === 'code' || part === 'free');
  const buffers = held.filter((segment) => !rest.includes(segment));
  // Many buffers: the largest ones by name, in their places.
  const largest = buffers.toSorted((a, b) => b.bytes - a.bytes).slice(0, MOST_NAMED);
  const named = buffers.filter((segment) => largest.includes(segment));
  const more = buffers.filter((segment) => !largest.includes(segment));
  const row = ({ name, part, bytes }: SramSegment) => (
    <tr key={name}>
      <th scope="row">
        <span class="swatch" style={{ background: palette.sram[part] }} /> {name}
      </th>
      <td>{sizeText(bytes)}</td>
    </tr>
  );
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
          {named.map(row)}
          {more.length > 0 && (
            <tr>
              <th scope="row">{plural(more.length, 'smaller buffer')}</th>
              <td>{sizeText(more.reduce((sum, { bytes }) => sum + bytes, 0))}</td>
            </tr>
          )}
          {rest.map(row)}
        </tbody>
      </table>
    </>
  );
}

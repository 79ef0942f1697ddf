/** Taking things away from the page: files and links. */
import { useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { shareUrl } from '../state.js';

export function saveFile(content: Blob | string, name: string, type = 'text/plain'): void {
  const blob = typeof content === 'string' ? new Blob([content], { type }) : content;
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the blob a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies text, and says whether that worked. */
export function CopyButton({ text, children }: { text: string; children: string }) {
  const [said, setSaid] = useState<string | null>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch (error) {
      setSaid(`Not copied: ${messageOf(error)}`);
    }
    setTimeout(() => setSaid(null), 2500);
  };
  return (
    <button type="button" class="button" onClick={() => void copy()}>
      <span aria-live="polite">{said ?? children}</span>
    </button>
  );
}

export function CopyLink() {
  return <CopyButton text={shareUrl.value}>Copy link</CopyButton>;
}

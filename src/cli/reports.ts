/** `--html` and `--md`: reports as files. */
import { writeFileAtomic } from '../platform/node/write-file.js';

export interface ReportFlags {
  readonly html?: string;
  readonly md?: string;
}

/**
 * Writes the reports that were asked for, each whole or not at all. `load` is called only then, because the chart
 * library takes longer to load than most commands take to run.
 */
export async function writeReports(
  { html, md }: ReportFlags,
  load: () => Promise<{ html(): string; md(): string }>,
): Promise<void> {
  if (html === undefined && md === undefined) return;
  const report = await load();
  if (html !== undefined) await writeFileAtomic(html, report.html());
  if (md !== undefined) await writeFileAtomic(md, report.md());
}

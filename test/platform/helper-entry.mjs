/** A helper for tests: works for as many milliseconds as it is told to, or takes memory without end. */
import { answer } from '#src/platform/node/helper-answer.js';

answer((ms) => {
  if (ms === null) for (const all = []; ; ) all.push(new Array(100_000).fill(all.length));
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
  return ms;
});

/** What the page remembers on this device. A browser that forbids storage only forgets. */

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`waferflow.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`waferflow.${key}`);
    else localStorage.setItem(`waferflow.${key}`, value);
  } catch {
    // Private windows and full disks: nothing here is worth an error.
  }
}

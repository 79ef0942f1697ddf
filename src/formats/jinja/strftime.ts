/** A moment in the words of C's strftime. */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** A day of 24 hours, in ms. */
const day = 86_400_000;

function two(value: number, fill = '0'): string {
  return String(value).padStart(2, fill);
}

function dayOfYear(now: Date): number {
  return Math.round(
    (Date.UTC(now.getFullYear(), now.getMonth(), now.getDate()) - Date.UTC(now.getFullYear(), 0, 1)) / day,
  );
}

function isoWeek(now: Date): { year: number; week: number } {
  const date = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  const thursday = new Date(date + (3 - ((now.getDay() + 6) % 7)) * day);
  const year = thursday.getUTCFullYear();
  return { year, week: 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / day / 7) };
}

const parts: Readonly<Record<string, (now: Date) => string>> = {
  a: (now) => days[now.getDay()]!.slice(0, 3),
  A: (now) => days[now.getDay()]!,
  b: (now) => months[now.getMonth()]!.slice(0, 3),
  h: (now) => months[now.getMonth()]!.slice(0, 3),
  B: (now) => months[now.getMonth()]!,
  c: (now) => strftime(now, '%a %b %e %H:%M:%S %Y'),
  C: (now) => two(Math.floor(now.getFullYear() / 100)),
  d: (now) => two(now.getDate()),
  D: (now) => strftime(now, '%m/%d/%y'),
  e: (now) => two(now.getDate(), ' '),
  f: (now) => `${String(now.getMilliseconds()).padStart(3, '0')}000`,
  F: (now) => strftime(now, '%Y-%m-%d'),
  g: (now) => two(isoWeek(now).year % 100),
  G: (now) => String(isoWeek(now).year),
  H: (now) => two(now.getHours()),
  I: (now) => two(now.getHours() % 12 || 12),
  j: (now) => String(dayOfYear(now) + 1).padStart(3, '0'),
  k: (now) => two(now.getHours(), ' '),
  l: (now) => two(now.getHours() % 12 || 12, ' '),
  m: (now) => two(now.getMonth() + 1),
  M: (now) => two(now.getMinutes()),
  n: () => '\n',
  p: (now) => (now.getHours() < 12 ? 'AM' : 'PM'),
  P: (now) => (now.getHours() < 12 ? 'am' : 'pm'),
  r: (now) => strftime(now, '%I:%M:%S %p'),
  R: (now) => strftime(now, '%H:%M'),
  s: (now) => String(Math.floor(now.getTime() / 1000)),
  S: (now) => two(now.getSeconds()),
  t: () => '\t',
  T: (now) => strftime(now, '%H:%M:%S'),
  u: (now) => String(now.getDay() || 7),
  U: (now) => two(Math.floor((dayOfYear(now) + 7 - now.getDay()) / 7)),
  V: (now) => two(isoWeek(now).week),
  w: (now) => String(now.getDay()),
  W: (now) => two(Math.floor((dayOfYear(now) + 7 - ((now.getDay() + 6) % 7)) / 7)),
  x: (now) => strftime(now, '%m/%d/%y'),
  X: (now) => strftime(now, '%H:%M:%S'),
  y: (now) => two(now.getFullYear() % 100),
  Y: (now) => String(now.getFullYear()),
  // The clock of templates knows no zone, as Python's `datetime.now()`.
  z: () => '',
  Z: () => '',
  '%': () => '%',
};

/** `-` in front of a letter leaves zeros and spaces out, as glibc does. */
export function strftime(now: Date, format: string): string {
  return format.replace(/%(-?)([A-Za-z%])/g, (all, bare: string, letter: string) => {
    const text = Object.hasOwn(parts, letter) ? parts[letter]!(now) : all;
    return bare === '' ? text : text.replace(/^[0 ]+(?=.)/, '');
  });
}

/** Formats of strings in JSON Schema as patterns of the whole string. Others say nothing about validity. */

const day =
  '(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)';
const leap = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)';
const date = `(?:[0-9]{4}-${day}|${leap}-02-29)`;
const time =
  '(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])';
const clock = 'T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S)';
const calendar = '(?:[0-9]{1,4}Y(?:[0-9]{1,4}M(?:[0-9]{1,4}D)?)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|[0-9]{1,4}D)';
const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?';
const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const local = '[A-Za-z0-9_+-]+';
const inPath = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const path = `(?:/${inPath}*)*`;
const host = `(?:${label}(?:\\.${label}){0,9}(?::[0-9]{1,5})?)?`;
const query = `(?:[?](?:${inPath}|[/?])*)?(?:#(?:${inPath}|[/?])*)?`;

export const stringFormats: ReadonlyMap<string, string> = new Map([
  ['date', date],
  ['time', time],
  ['date-time', `${date}T${time}`],
  ['duration', `P(?:[0-9]{1,4}W|${calendar}(?:${clock})?|${clock})`],
  ['email', `${local}(?:\\.${local})*@(?:${label}\\.)+[A-Za-z]{2,10}`],
  ['hostname', `${label}(?:\\.${label}){0,9}`],
  ['ipv4', `${octet}(?:\\.${octet}){3}`],
  ['ipv6', '(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}'],
  ['uri', `[A-Za-z][A-Za-z0-9+.-]{0,20}:(?://${host}${path}|/?${inPath}+${path})${query}`],
  ['uuid', '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'],
]);

/** What texts of a format look like at least, to see whether a pattern beside it keeps it. */
export const formatShapes: ReadonlyMap<string, RegExp> = new Map([
  ['date', new RegExp(`^${date}$`)],
  ['time', new RegExp(`^${time}$`)],
  ['date-time', new RegExp(`^${date}[Tt ](?:${time})$`, 'i')],
  ['email', /^[^\s@]+@[^\s@]+\.[^\s@.]+$/],
  ['hostname', /^[A-Za-z0-9.-]{1,253}$/],
  ['ipv4', new RegExp(`^${octet}(?:\\.${octet}){3}$`)],
  ['uuid', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i],
]);

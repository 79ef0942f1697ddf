/** Ids that nobody can guess: who knows one may ask for what it names, if the key is right as well. */

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const poolBytes = 4096;
let pool = new Uint8Array(0);
let used = 0;

/** `PREFIX_` and 24 random letters and digits. */
export function newId(prefix: string): string {
  let id = `${prefix}_`;
  for (let left = 24; left > 0; ) {
    if (used === pool.length) {
      pool = crypto.getRandomValues(new Uint8Array(poolBytes));
      used = 0;
    }
    const value = pool[used++]! & 63;
    if (value >= alphabet.length) continue;
    id += alphabet[value];
    left--;
  }
  return id;
}

/** The value of the position before: features [from, to) of out = state, state = x. */
export function shift(x: usize, state: usize, out: usize, from: i32, to: i32): void {
  const at = <usize>(from << 2);
  const bytes = <usize>((to - from) << 2);
  memory.copy(out + at, state + at, bytes);
  memory.copy(state + at, x + at, bytes);
}

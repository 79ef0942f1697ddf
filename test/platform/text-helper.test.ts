/** Long texts become tokens on another thread: the same ones, and for all who wait in turn. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { UserText } from '#src/formats/jinja/text.js';
import { type Engine, load } from '#src/index.js';
import { mostQuickLength } from '#src/runtime/engine/texts.js';

let engine: Engine;
beforeAll(async () => {
  engine = await load(undefined, { workers: 1 });
});
afterAll(() => engine.close());

const long = (words: string): string => words.repeat(Math.ceil((2 * mostQuickLength) / words.length));

it('gives the ids of the tokenizer, of who said what too, and leaves the event loop alone', async () => {
  const { tokenizer } = engine;
  const mark = tokenizer.textOf([...tokenizer.eosIds][0]!);
  const text = long(`const a = 1; ${mark} 😀 \ud83d`);
  const texts = [
    text,
    new UserText(text),
    new UserText(text, [mark.length + 20, text.length - mark.length - 20]),
  ];
  const expected = texts.map((each) => tokenizer.encode(each, { special: true, bos: false }));
  expect(expected[0]!.length).toBeLessThan(expected[1]!.length);
  const encode = vi.spyOn(tokenizer, 'encode');
  for (const [i, each] of texts.entries())
    expect(await engine.encode(each, { special: true, bos: false })).toEqual(expected[i]);
  expect(encode).not.toHaveBeenCalled();
  expect(await engine.encode(text)).toEqual(tokenizer.encode(text));
  // A short one is not worth the way.
  expect(engine.encode('short')).toEqual(tokenizer.encode('short'));
});

it('gives every owner a turn, and none to who has gone', async () => {
  const done: string[] = [];
  const gone = new AbortController();
  const ask = async (name: string, owner: string, signal?: AbortSignal): Promise<void> => {
    await engine.encode(long(`${name} and more of it; `), { owner, signal });
    done.push(name);
  };
  const asked = [ask('a1', 'a'), ask('a2', 'a'), ask('a3', 'a'), ask('b1', 'b')];
  const left = ask('c1', 'c', gone.signal);
  gone.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  await Promise.all(asked);
  expect(done.indexOf('b1')).toBeLessThan(done.indexOf('a3'));
  expect(done).toHaveLength(4);
});

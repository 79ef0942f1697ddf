/** The thread on which long texts become tokens; it is given what the model's file says of its tokenizer. */
import { workerData } from 'node:worker_threads';
import { GgufFile } from '../../formats/gguf-file.js';
import type { GgufMetadata } from '../../formats/gguf-metadata.js';
import { bytesSource } from '../../formats/source.js';
import { createTokenizer } from '../../formats/tokenizer.js';
import { answer } from './helper-answer.js';
import { type TextAsked, textOf } from './text-helper.js';

const file = new GgufFile(bytesSource(new Uint8Array(0)), 3, workerData as GgufMetadata, new Map());
const tokenizer = createTokenizer(file);

answer(({ options, ...text }: TextAsked) => Int32Array.from(tokenizer.encode(textOf(text), options)));

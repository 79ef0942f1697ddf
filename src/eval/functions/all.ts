/** The hundred functions of our own. */
import type { Task } from '../task.js';
import { ARRAYS } from './arrays.js';
import { NUMBERS } from './numbers.js';
import { OBJECTS } from './objects.js';
import { PARSING } from './parsing.js';
import { STRINGS } from './strings.js';

export const FUNCTIONS: readonly Task[] = [...NUMBERS, ...STRINGS, ...ARRAYS, ...OBJECTS, ...PARSING];

/** The words of an attention op's facts, shared by the TypeScript that writes them and facts.ts, so: no type annotations here. */
export const FACT_WINDOW = 0;
export const FACT_WINDOW_SIZE = 1;
/** f32 bits; 0 for none. */
export const FACT_CAP = 2;
/** Address of a logit per head; 0 for none. */
export const FACT_SINKS = 3;
/** Address of a slope per head; 0 for none. */
export const FACT_ALIBI = 4;
/** 0: queries do not grow. */
export const FACT_TEMPERATURE_LENGTH = 5;
export const FACT_TEMPERATURE_SCALE = 6;
export const FACT_TEMPERATURE_OFFSET = 7;
/** Not 0: values are the first of each key, and pages hold no others. */
export const FACT_VALUES_IN_KEYS = 8;
export const FACT_WORDS = 9;

export const WINDOW_SLIDING = 1;
export const WINDOW_CHUNKED = 2;
/** As many positions before as behind. */
export const WINDOW_SYMMETRIC = 3;

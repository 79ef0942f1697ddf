/** Shared by TypeScript and AssemblyScript, so: no type annotations here. */
/** Inputs that are multiplied with one matrix at once. */
export const EXPERT_RUN = 16;

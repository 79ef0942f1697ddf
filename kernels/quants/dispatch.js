/** Writes the module that turns a number of a type into its kernels: a class a block type, and one line a type and function. */

/** The functions over all types: parameters, the generic function and its module, and the result where there is one. */
const FUNCTIONS = {
  groupBytes: { of: '../quants/wasm', params: 'columns: i32', result: 'i32' },
  isBlockType: { of: '../quants/wasm', params: '', result: 'i32' },
  pack: {
    of: '../quants/wasm',
    params: 'src: usize, rowBytes: i32, rows: i32, columns: i32, dst: usize',
    result: 'i32',
  },
  place: { of: '../quants/wasm', params: 'to: usize, r: i32' },
  row: { of: '../quants/wasm', params: 'w: usize, row: i32, columns: i32, x: usize' },
  matvec: {
    of: '../matvec/wasm',
    params:
      'w: usize, groupFrom: i32, groupTo: i32, columns: i32, x: usize, y: usize, folds: usize, scratch: usize',
  },
  matmul: {
    of: '../matmul/wasm',
    params:
      'w: usize, groupFrom: i32, groupTo: i32, columns: i32, x: usize, xStride: i32, count: i32, y: usize, ' +
      'yStride: i32, folds: usize, scratch: usize',
  },
};

/** The class of a block type: what its description says as methods that return constants. */
function classOf(name, { id, block, bytes, span, bits, hasScales, hasMins, codes }, hasDecode) {
  const least = Array.isArray(codes) ? Math.min(...codes) : 0;
  const most = Array.isArray(codes) ? Math.max(...codes) : 0;
  // Entries of a table are stored without sign, in seven bits where they fit.
  const offset = Array.isArray(codes) ? (most - least < 128 ? -least : 128) : codes.offset;
  const method = (method, type, value) => `  @inline ${method}(): ${type} { ${value} }`;
  const constants = { id, block, bytes, span, bits, offset };
  constants.most = Array.isArray(codes) ? most + offset : 2 ** bits - 1;
  const lines = Object.entries(constants).map(([fact, value]) => method(fact, 'i32', `return ${value};`));
  if (hasScales) lines.push(method('scales', 'void', ''));
  if (hasMins) lines.push(method('mins', 'void', ''));
  if (Array.isArray(codes)) {
    const entries = Array.from({ length: 16 }, (_, code) => (((codes[code] ?? 0) + offset) << 24) >> 24);
    lines.push(method('table', 'v128', `return i8x16(${entries.join(', ')});`));
  }
  if (hasDecode) lines.push(`  @inline decode(from: usize): void { decode${name}(from); }`);
  return `@final\nclass ${name} extends Quant {\n${lines.join('\n')}\n}`;
}

/**
 * The AssemblyScript of the module for the types of kernels/quants/index.ts. `has` tells whether a folder has a wasm.ts:
 * the class of a float type, or `decode` of a block type.
 */
export function dispatchSource(quants, has) {
  const types = Object.keys(quants);
  const folder = (type) => type.toLowerCase();
  const isBlock = (type) => quants[type].block > 1;
  const imports = [
    "import { Quant } from './wasm';",
    ...types
      .filter((type) => has(folder(type)))
      .map(
        (type) =>
          `import { ${isBlock(type) ? `decode as decode${type}` : type} } from './${folder(type)}/wasm';`,
      ),
    ...Object.entries(FUNCTIONS).map(([name, { of }]) => `import { ${name}Of } from '${of}';`),
  ];
  const classes = types.filter(isBlock).map((type) => classOf(type, quants[type], has(folder(type))));
  const functions = Object.entries(FUNCTIONS).map(([name, { params, result }]) => {
    const names = [...params.matchAll(/(\w+):/g)].map(([, param]) => param);
    const lines = types.map((type) => {
      const call = `${name}Of<${type}>(${[`changetype<${type}>(0)`, ...names].join(', ')})`;
      return `    case ${quants[type].id}: ${result ? `return ${call};` : `{ ${call}; return; }`}`;
    });
    const signature = ['type: i32', ...(params ? [params] : [])].join(', ');
    return [
      `export function ${name}(${signature}): ${result ?? 'void'} {`,
      '  switch (type) {',
      ...lines,
      '  }',
      '  unreachable();',
      ...(result ? ['  return 0;'] : []),
      '}',
    ].join('\n');
  });
  return [...imports, ...classes, ...functions].join('\n');
}

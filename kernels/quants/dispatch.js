/** Writes the module that turns a number of a type into its kernels: one line a type and function. */

/** The functions over all types: parameters, the generic function and its module, and the result where there is one. */
const FUNCTIONS = {
  groupBytes: { of: '../quants/wasm', params: 'columns: i32', result: 'i32' },
  isBlockType: { of: '../quants/wasm', params: '', result: 'i32' },
  pack: { of: '../quants/wasm', params: 'src: usize, rowBytes: i32, rows: i32, columns: i32, dst: usize' },
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

/** The AssemblyScript of the module for these folders of kernels/quants, each with a class of its name in capitals. */
export function dispatchSource(folders) {
  const types = folders.map((folder) => folder.toUpperCase());
  const imports = [
    ...folders.map((folder, i) => `import { ${types[i]} } from './${folder}/wasm';`),
    ...Object.entries(FUNCTIONS).map(([name, { of }]) => `import { ${name}Of } from '${of}';`),
  ];
  const functions = Object.entries(FUNCTIONS).map(([name, { params, result }]) => {
    const names = [...params.matchAll(/(\w+):/g)].map(([, param]) => param);
    const lines = types.map((type) => {
      const one = `changetype<${type}>(0)`;
      const call = `${name}Of<${type}>(${[one, ...names].join(', ')})`;
      return `  if (type == ${one}.id()) ${result ? `return ${call}` : `{ ${call}; return; }`}`;
    });
    const signature = ['type: i32', ...(params ? [params] : [])].join(', ');
    return [
      `export function ${name}(${signature}): ${result ?? 'void'} {`,
      ...lines,
      '  unreachable();',
      ...(result ? ['  return 0;'] : []),
      '}',
    ].join('\n');
  });
  return [...imports, ...functions].join('\n');
}

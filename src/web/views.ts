/** The views in the order of the navigation; each is a folder whose index.tsx has a component as default export. */
import type { ComponentType } from 'preact';

export interface View {
  readonly name: string;
  readonly title: string;
  load(): Promise<ComponentType>;
}

const modules = import.meta.glob<{ default: ComponentType }>([
  './race/index.tsx',
  './wafer/index.tsx',
  './lessons/index.tsx',
  './program/index.tsx',
  './plan/index.tsx',
  './console/index.tsx',
]);

export const VIEWS: readonly View[] = ['Race', 'Wafer', 'Lessons', 'Program', 'Plan', 'Console'].flatMap(
  (title) => {
    const name = title.toLowerCase();
    const load = modules[`./${name}/index.tsx`];
    return load === undefined ? [] : [{ name, title, load: async () => (await load()).default }];
  },
);

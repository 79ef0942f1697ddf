/** The site's pages, in the order in which one reads them. */
import { fileURLToPath } from 'node:url';
import { pages } from '../pages.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const decisions = pages(root).filter((page) => /docs\/decisions\/\d/.test(page));
const item = (text, page) => ({ text, link: `/${page.replace(/\.md$/, '')}` });

const sidebar = [
  {
    text: 'Use',
    items: [
      item('Start', 'index.md'),
      item('Serving', 'docs/serving.md'),
      item('Wire protocol', 'docs/protocol.md'),
      item('Structured output', 'docs/structured-output.md'),
      item('In the editor', 'docs/editor.md'),
      item('The extension', 'editors/vscode/README.md'),
      item('Models', 'docs/architectures.md'),
      item('glint', 'models/glint/README.md'),
      item('Security', 'docs/security.md'),
    ],
  },
  {
    text: 'Understand',
    items: [
      { text: 'Lessons', link: '/lessons' },
      item('One token', 'docs/token.md'),
      item('The fabric', 'docs/fabric.md'),
      item('Traces', 'docs/fabric-trace.md'),
      item('Timing', 'docs/timing.md'),
      item('Fleets', 'docs/fleet.md'),
    ],
  },
  {
    text: 'Build',
    items: [
      item('Architecture', 'ARCHITECTURE.md'),
      item('Contributing', 'CONTRIBUTING.md'),
      item('Tests', 'test/README.md'),
      item('What was measured', 'bench/LOG.md'),
      item('llama.cpp beside it', 'bench/peers/README.md'),
      item('Changes', 'CHANGELOG.md'),
    ],
  },
  {
    text: 'Decisions',
    collapsed: true,
    items: [
      item('Index', 'docs/decisions/README.md'),
      ...decisions.map((page) => item(page.replace(/^.*\/\d+-(.*)\.md$/, '$1').replaceAll('-', ' '), page)),
    ],
  },
];

const listed = new Set(sidebar.flatMap(({ items }) => items.map(({ link }) => link)));
/** Pages that nobody has given a place yet. */
const others = pages(root)
  .map((page) => item(page.replace(/^.*\/|\.md$/g, ''), page))
  .filter(({ link, text }) => !listed.has(link) && text !== 'README');

export default {
  title: 'waferflow',
  description: 'A wafer-scale inference simulator and serving runtime',
  base: process.env.SITE_BASE ?? '/',
  head: [['style', {}, '.vp-doc pre { overflow-x: auto }']],
  srcDir: '.pages',
  outDir: 'dist',
  rewrites: { 'README.md': 'index.md' },
  themeConfig: {
    search: { provider: 'local' },
    outline: 'deep',
    nav: [
      { text: 'Lessons', link: '/lessons' },
      { text: 'API', link: '/api/index.html', target: '_self' },
      { text: 'The page', link: '/app/index.html', target: '_self' },
    ],
    sidebar: [...sidebar, { text: 'More', items: others }],
  },
};

/** What `npx vite` and `npx vite preview` serve here is cross-origin isolated: a page has threads only then. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default { server: { headers }, preview: { headers } };

import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Where `handlens serve` listens while the pages are developed. */
const server = process.env['HANDLENS_DEV_SERVER'] ?? 'http://localhost:8470';

/** The server gives the patient's page at `/j`; the development server does the same. */
const patientPage: Plugin = {
  name: 'handlens-patient-page',
  configureServer(vite) {
    vite.middlewares.use((request, _response, next) => {
      if (request.url === '/j' || request.url?.startsWith('/j?')) request.url = '/join.html';
      next();
    });
  },
};

const page = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  plugins: [patientPage, svelte()],
  build: {
    target: 'es2022',
    // The pages' Content-Security-Policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { console: page('index.html'), join: page('join.html') } },
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/api': { target: server, ws: true, secure: false, changeOrigin: true, headers: { origin: server } },
    },
  },
  test: { include: ['{src,scripts}/**/*.test.ts'] },
});

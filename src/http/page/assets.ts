// The files of the page: its shell, its modules (browser/, compiled), its styles, and uPlot. They hold no data.
//
// Invariants:
// - They are in memory from the start: an answer needs no file, and so cannot fail.
// - Only files of the table are served: a path is looked up, never put together.
// - Nothing comes from another server: the policy allows scripts, styles and requests of this server alone, and none
//   inside the document.

import fs from 'node:fs';
import { createRequire } from 'node:module';

import type { Exchange } from '../exchange.js';
import type { Route } from '../routes.js';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const;

/** The page's own files by their paths. */
const OWN: readonly (readonly [path: string, name: string])[] = [
  ['/', 'index.html'],
  ...fs
    .readdirSync(new URL('browser/', import.meta.url))
    .filter((name) => /^[\w-]+\.(?:js|css|svg)$/.test(name))
    .map((name) => [`/page/${name}`, name] as const),
];
const VENDOR: readonly (readonly [path: string, file: string])[] = [
  ['/page/uplot.js', 'uplot/dist/uPlot.esm.js'],
  ['/page/uplot.css', 'uplot/dist/uPlot.min.css'],
];

export function assetRoutes(): (readonly [path: string, route: Route])[] {
  const require = createRequire(import.meta.url);
  const own = OWN.map(
    ([path, name]) => [path, new URL(`browser/${name}`, import.meta.url)] as const,
  );
  const vendor = VENDOR.map(([path, file]) => [path, require.resolve(file)] as const);
  return [...own, ...vendor].map(([path, file]) => [path, assetRoute(file)]);
}

function assetRoute(file: URL | string): Route {
  const ending = String(file).split('.').at(-1) as keyof typeof TYPES;
  // Files are read at the start, because an upgrade may replace or remove them while this process still runs.
  const bytes = fs.readFileSync(file);
  const answer = (exchange: Exchange): void => {
    const { response } = exchange;
    response.setHeader('Content-Security-Policy', POLICY);
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    response.setHeader('Referrer-Policy', 'no-referrer');
    exchange.say(200, bytes, TYPES[ending]);
  };
  return { method: 'GET', access: 'shell', answer };
}

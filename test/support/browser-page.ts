// The page in Debian's Chromium, beside a real server: the requests that it makes, and the messages on its console.

import type { Context } from 'mocha';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

import { cairnLaunch, ServerProcess, type Launch } from '../../tools/torture/server-process.js';
import { WireClient } from '../../tools/torture/wire-client.js';
import { httpUrlOf } from './http-client.js';
import { requireProgram } from './programs.js';
import { clusterLaunch } from './servers.js';

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function startChromium(context: Context): Promise<Browser> {
  const executablePath = requireProgram(context, 'chromium', 'chromium');
  return chromium.launch({ executablePath, args: CHROMIUM_ARGS });
}

export class PagedServer {
  readonly server: ServerProcess;
  readonly url: string;
  readonly client: WireClient;

  private constructor(server: ServerProcess, url: string, client: WireClient) {
    this.server = server;
    this.url = url;
    this.client = client;
  }

  static async start(dir: string, args: readonly string[] = []): Promise<PagedServer> {
    return PagedServer.#over(cairnLaunch(dir, ['--http', '-1', ...args]));
  }

  /** Starts a server over the cluster that `--store` names by this URL. */
  static startOver(storeUrl: string): Promise<PagedServer> {
    return PagedServer.#over(clusterLaunch(storeUrl, ['--http', '-1']));
  }

  static async #over(launch: Launch): Promise<PagedServer> {
    const server = await ServerProcess.start(launch);
    return new PagedServer(server, await httpUrlOf(server), await WireClient.connect(server.port));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.server.stop();
  }

  /** Stores a value. Requires: neither key nor value has a line end. */
  async set(key: string, value: string, exptime = 0): Promise<void> {
    const bytes = Buffer.byteLength(value);
    await this.client.line(`set ${key} 5 ${exptime} ${bytes}\r\n${value}\r\n`);
  }
}

/** A page that collects what goes wrong in it: messages of the console, and requests to other servers. */
export class WatchedPage {
  readonly page: Page;
  readonly complaints: string[] = [];

  private constructor(page: Page, origin: string) {
    this.page = page;
    page.on('console', (message) => this.complaints.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => this.complaints.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(origin)) this.complaints.push(`asks for ${request.url()}`);
    });
  }

  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<WatchedPage> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      ...options,
    });
    const page = await context.newPage();
    const watched = new WatchedPage(page, new URL(url).origin);
    await page.goto(url);
    return watched;
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

// node pages.mjs FOLDER PICTURES: every page of the folder in a real browser, light, dark, on a narrow screen and as it
// is printed. Ends with 1 when axe finds anything against WCAG 2.2 AA, when a page fetches something, writes an error, or
// is wider than its screen. Each is kept as a picture, to be looked at, two views also with all that is folded away.
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [folder, pictures] = process.argv.slice(2);
if (!folder || !pictures) {
  console.error('node pages.mjs FOLDER PICTURES');
  process.exit(2);
}
const views = [
  { name: 'light', width: 1280, colorScheme: 'light', unfolded: true },
  { name: 'dark', width: 1280, colorScheme: 'dark' },
  { name: 'narrow', width: 390, colorScheme: 'light' },
  { name: 'narrow-dark', width: 390, colorScheme: 'dark', unfolded: true },
  { name: 'print', width: 1024, colorScheme: 'light', media: 'print' },
];
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(pictures, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.GUIDON_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
let faults = 0;
const fault = (page, view, what) => {
  faults += 1;
  console.log(`${page} (${view.name}): ${what}`);
};

const files = readdirSync(folder)
  .filter((file) => file.endsWith('.html'))
  .sort();
for (const file of files) {
  const page_name = basename(file, '.html');
  for (const view of views) {
    const context = await browser.newContext({
      viewport: { width: view.width, height: 900 },
      colorScheme: view.colorScheme,
      deviceScaleFactor: 1,
    });
    const page = await context.newPage();
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) fault(page_name, view, `fetches ${request.url()}`);
    });
    page.on('console', (message) => {
      if (message.type() === 'error') fault(page_name, view, `console: ${message.text()}`);
    });
    page.on('pageerror', (error) => fault(page_name, view, error.message));
    page.on('dialog', (dialog) => {
      fault(page_name, view, `a script ran: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.emulateMedia({ colorScheme: view.colorScheme, media: view.media ?? 'screen' });
    await page.goto(pathToFileURL(resolve(folder, file)).href);
    const look = async (name) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) fault(page_name, view, `is ${wide} pixels wider than its screen`);
      if (name) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
    };
    await look(`${page_name}-${view.name}`);
    // What is folded away has to be as good.
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)));
    await look(view.unfolded ? `${page_name}-${view.name}-unfolded` : '');
    await page.evaluate(axe);
    const found = await page.evaluate((tags) => window.axe.run(document, { runOnly: { type: 'tag', values: tags } }), rules);
    for (const violation of found.violations) {
      for (const node of violation.nodes) {
        fault(page_name, view, `${violation.id}: ${violation.help}: ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`);
      }
    }
    if (found.passes.length === 0) fault(page_name, view, 'axe looked at nothing');
    await context.close();
  }
}
await browser.close();
if (files.length === 0) {
  console.log(`there is no page in ${folder}`);
  faults += 1;
}
console.log(`${files.length} pages, ${views.length} views each, ${faults} violations`);
process.exit(faults === 0 ? 0 : 1);

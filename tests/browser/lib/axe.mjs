// Accessibility, measured: axe-core at two widths and two sizes of text, and no sideways scrolling.

import axe from 'axe-core';

const WIDTHS = [360, 1440];
const TEXT = [1, 2];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What is wrong with the page as it stands, a sentence each; empty when nothing is.
 *
 * @param {import('playwright-core').Page} page
 * @param {{ widths?: number[], text?: number[] }} options `text`: factors of the browser's own text size.
 */
export async function violations(page, { widths = WIDTHS, text = TEXT } = {}) {
  const before = page.viewportSize();
  const found = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: width < 600 ? 780 : 900 });
    for (const factor of text) {
      const where = `${width} px, text ${factor * 100} %`;
      const grown = await scaleText(page, factor);
      if (Math.abs(grown - factor) > 0.05) found.push(`${where}: text grew by ${grown.toFixed(2)} only; sizes in px do not grow`);
      found.push(...(await sideways(page)).map((what) => `${where}: ${what}`));
      found.push(...(await run(page)).map((what) => `${where}: ${what}`));
    }
  }
  await scaleText(page, 1);
  await page.setViewportSize(before);
  return found;
}

/** Sets the size that `rem` counts from, and tells by how much the page's text really grew (the least of all of it). */
function scaleText(page, factor) {
  return page.evaluate(async (factor) => {
    const root = document.documentElement;
    const sizes = () =>
      [...document.querySelectorAll('body *')]
        .filter((element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
        .filter((element) => element.checkVisibility?.({ visibilityProperty: true }) && !element.closest('svg'))
        .map((element) => [element, Number.parseFloat(getComputedStyle(element).fontSize)]);
    root.style.fontSize = '';
    const before = new Map(sizes());
    root.style.fontSize = factor === 1 ? '' : `${factor * 100}%`;
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
    const grown = sizes().filter(([element]) => before.has(element)).map(([element, size]) => size / before.get(element));
    return grown.length === 0 ? factor : Math.min(...grown);
  }, factor);
}

/** A page wider than its window hides half of every line from whoever needs large text. */
function sideways(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth > clientWidth + 1 ? [`the page is ${scrollWidth} px wide and scrolls sideways`] : [];
  });
}

async function run(page) {
  // Evaluated over the debugging protocol, which the page's content-security policy does not bind.
  await page.evaluate(axe.source);
  const result = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), TAGS);
  return result.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')} (${failureSummary?.split('\n').slice(1).join('; ').trim()})`),
  );
}

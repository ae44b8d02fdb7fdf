// Every control can be reached with the Tab key, or with arrows inside a group that can.

/**
 * Controls that a person sees and cannot reach by keyboard; empty when there are none.
 *
 * @param {import('playwright-core').Page} page
 */
export async function unreachable(page) {
  const count = await page.evaluate(() => {
    const controls = 'a[href], button, input, select, textarea, summary, [tabindex], [role="button"], [role="tab"], [role="switch"], [onclick]';
    // What lies behind a modal dialog waits until it is closed.
    const modal = document.querySelector('dialog:modal') ?? document;
    const usable = (element) =>
      modal.contains(element) &&
      element.checkVisibility({ visibilityProperty: true }) &&
      element.getClientRects().length > 0 &&
      !element.matches(':disabled, [aria-disabled="true"], [type="hidden"]') &&
      !element.closest('[inert], [aria-hidden="true"]');
    const found = [...document.querySelectorAll(controls)].filter(usable);
    // What only takes the focus from a script, such as a heading or the box of a dialog, is no control.
    const natural = 'a, button, input, select, textarea, summary, [role]:not([role="dialog"], [role="alertdialog"])';
    const reachable = found.filter((element) => !element.matches('[tabindex="-1"]') || element.matches(natural));
    globalThis.controlsToReach = new Set(reachable);
    document.activeElement?.blur();
    return reachable.length;
  });
  // Each press reaches at most one control; the way once around the page also passes the browser's own.
  for (let press = 0; press < count + 10; press += 1) {
    await page.keyboard.press('Tab');
    await page.evaluate(() => globalThis.controlsToReach.delete(document.activeElement));
  }
  return page.evaluate(() => {
    const groups = '[role="tablist"], [role="toolbar"], [role="radiogroup"], [role="listbox"], [role="menu"], [role="grid"]';
    const left = globalThis.controlsToReach;
    delete globalThis.controlsToReach;
    const byArrows = (element) => {
      const group = element.closest(groups);
      if (group) return [...group.querySelectorAll('*')].some((other) => other.tabIndex === 0 && !left.has(other));
      const twins = element.matches('input[type="radio"]') ? [...document.getElementsByName(element.name)] : [];
      return twins.some((twin) => twin !== element && !left.has(twin));
    };
    return [...left].filter((element) => element.isConnected && !byArrows(element)).map((element) => element.outerHTML.slice(0, 120));
  });
}

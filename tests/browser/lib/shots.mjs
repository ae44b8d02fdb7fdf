// Pictures of every step, numbered in the order they were taken.

import fs from 'node:fs/promises';
import path from 'node:path';

export class Shots {
  #taken = [];

  /** @param {string} folder Made when it is not there. */
  constructor(folder) {
    this.folder = path.resolve(folder);
  }

  /** Takes a picture of the page as it is seen, and gives its path. */
  async take(page, name) {
    return this.keep(name, await page.screenshot({ animations: 'disabled' }));
  }

  /** Keeps a picture that was made elsewhere, such as what a phone's owner saw. */
  async keep(name, picture, kind = 'png') {
    await fs.mkdir(this.folder, { recursive: true });
    const file = path.join(this.folder, `${String(this.#taken.length + 1).padStart(2, '0')}-${name}.${kind}`);
    await fs.writeFile(file, picture);
    this.#taken.push(file);
    return file;
  }

  /** Paths of all pictures so far. */
  get paths() {
    return [...this.#taken];
  }
}

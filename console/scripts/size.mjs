// The patient's page, counted: every JavaScript file it may load, now or later, gzip. Run after `npm run build`.
// A patient on a thin link waits for these bytes; whoever adds some sees it here.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Bytes, gzip, of all JavaScript together. */
const LIMIT = 98 * 1024;

const dist = resolve(dirname(fileURLToPath(import.meta.url)), '..', process.env.HANDLENS_DIST ?? 'dist');
const page = join(dist, 'join.html');
if (!existsSync(page)) fail(`${relative(process.cwd(), page)} is missing: run \`npm run build\` first`);

const scripts = reachable(page);
const sizes = scripts.map((file) => ({ file, bytes: gzipSync(readFileSync(file), { level: 9 }).length }));
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);

// A page without scripts must not pass; that one with too many does not is in size.test.ts.
if (scripts.length === 0 || total <= 1024) fail(`${page} loads next to no JavaScript: the check looks in the wrong place`);

for (const { file, bytes } of sizes) console.log(`${String(bytes).padStart(8)}  ${relative(dist, file)}`);
console.log(`${String(total).padStart(8)}  of ${LIMIT} bytes gzip`);
if (total > LIMIT) fail(`the patient's page is ${total - LIMIT} bytes too large`);

/** Every script that `page` names, and every script that those name, whether they load it at once or later. */
function reachable(page) {
  const found = new Set();
  const queue = [page];
  while (queue.length > 0) {
    const file = queue.pop();
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/["'`]([./\w-]+\.js)["'`]/g)) {
      const script = [join(dist, name), join(dirname(file), name)].find((path) => existsSync(path));
      if (script && !found.has(script)) {
        found.add(script);
        queue.push(script);
      }
    }
  }
  return [...found].sort();
}

function fail(why) {
  console.error(why);
  process.exit(1);
}

// What every scenario has: its orders, and the line to the test that started it. Knows no page and no scene.
//
// Usage: node SCENARIO '{"scene": …}' (the orders as JSON); answers to `ask` come on standard input.

import { createInterface } from "node:readline";

export const orders = JSON.parse(process.argv[2]);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** One JSON line for the test: a scene with what was seen, or a wish. */
export const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Lets the test do something outside the browser, and waits until it is done. */
export async function ask(what) {
  tell({ ask: what });
  const { done } = await answers.next();
  if (done) throw new Error(`nobody answered "${what}"`);
}

export const shoot = (person, name) => person.page.screenshot({ path: `${orders.screenshots}/${name}.png` });

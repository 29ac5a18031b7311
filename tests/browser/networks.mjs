// What networks and lids do to a page: no WebSocket at all, the upgrade, a renderer that stands still for longer than a
// heartbeat; and on a page of its own what the chat does not use: two namespaces, and bytes as bytes.
//
// Orders: `url` (the chat, with short heartbeats), `lab` (the suite's application), `chromium`, `screenshots`.

import process from "node:process";

import { launch, Person } from "./pages.mjs";
import { halves } from "./png.mjs";
import { strictProxy } from "./proxy.mjs";
import { orders, shoot, tell } from "./stage.mjs";

const { url, lab, chromium } = orders;

async function pollingOnly(browser, grace) {
  const proxy = await strictProxy();
  try {
    const ada = await Person.arrive(browser, url, { proxy: proxy.settings });
    await ada.enter("Ada");
    await ada.entered();
    await ada.write("Through the proxy");
    await grace.letter("Through the proxy");
    await ada.delivered("Through the proxy", 1);
    await ada.attach("halves.png", "image/png", halves(640, 360, [196, 62, 40], [38, 92, 168]));
    await ada.page.locator("#picture-note", { hasText: "640 × 360" }).waitFor();
    await ada.send();
    const sent = await grace.newestPicture();
    const mine = await ada.newestPicture();
    await grace.attach("halves.png", "image/png", halves(320, 200, [20, 120, 60], [200, 180, 30]));
    await grace.page.locator("#picture-note", { hasText: "320 × 200" }).waitFor();
    await grace.send();
    const received = await ada.newestPicture(mine.src);
    await shoot(ada, "20-polling-only");
    await ada.page.reload();
    await ada.entered();
    await ada.write("Still through the proxy");
    await grace.letter("Still through the proxy");
    const opened = await ada.page.evaluate(() => performance.getEntriesByType("resource").map((each) => each.name));
    tell({
      scene: "polling only",
      refused: proxy.refused.length,
      tried: ada.sockets.length,
      talking: ada.talking.size,
      polls: opened.filter((name) => name.includes("transport=polling")).length,
      sent: [sent.width, sent.left, sent.right],
      received: [received.width, received.left, received.right],
    });
    await ada.page.context().close();
    await grace.says("#subtitle", "only you");
  } finally {
    proxy.close();
  }
}

async function lid(grace) {
  const browser = await launch(chromium); // of her own: its renderers are stopped, nobody else's
  try {
    const ada = await Person.arrive(browser, url);
    await ada.enter("Ada");
    await ada.entered();
    await ada.page.getByPlaceholder("Another room").fill("bedroom");
    await ada.page.keyboard.press("Enter");
    await ada.page.getByRole("heading", { name: "#bedroom", exact: true }).waitFor();
    await ada.room("lobby");
    await ada.write("Closing the lid");
    await grace.letter("Closing the lid");
    const before = await ada.page.evaluate(() => performance.timeOrigin);

    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter((each) => each.type === "renderer").map((each) => each.id);
    for (const pid of renderers) process.kill(pid, "SIGSTOP");
    let members;
    try {
      await grace.says("#subtitle", "only you"); // the server has missed the pong
      members = await grace.page.locator("#members .name").allTextContents();
      await grace.write("Said into the dark");
      await (await grace.letter("Said into the dark")).waitFor();
    } finally {
      for (const pid of renderers) process.kill(pid, "SIGCONT");
    }
    await ada.letter("Said into the dark");
    await ada.page.locator("#banner").waitFor({ state: "hidden" });
    await grace.says("#subtitle", "2 people");
    await ada.write("Open again");
    await ada.delivered("Open again", 1);
    await grace.letter("Open again");
    tell({
      scene: "lid",
      renderers: renderers.length,
      whileClosed: members,
      reloaded: (await ada.page.evaluate(() => performance.timeOrigin)) !== before,
      me: await ada.page.locator("#me .name").textContent(),
      isIn: await ada.page.locator("#rooms .row:not(.away) .name").allTextContents(),
      seenByAda: await ada.page.locator("#members .name").allTextContents(),
      dark: await ada.page.getByText("Said into the dark", { exact: true }).count(),
    });
    await shoot(ada, "21-lid-opened");
  } finally {
    await browser.close();
  }
}

/** A page of the lab's origin with the official client and nothing else. */
async function labPage(browser) {
  const page = await (await browser.newContext()).newPage();
  const script = `${lab}socket.io/socket.io.min.js`;
  await page.goto(script); // a page that shows the text of the client, which is as good as an empty one
  await page.addScriptTag({ url: script });
  return page;
}

async function upgrade(page) {
  const frames = [];
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => frames.push(["sent", String(payload)]));
    socket.on("framereceived", ({ payload }) => frames.push(["received", String(payload)]));
  });
  const seen = await page.evaluate(async () => {
    const socket = globalThis.io({ forceNew: true });
    const { engine } = await new Promise((done) => socket.io.on("open", () => done(socket.io)));
    const first = engine.transport.name;
    const upgraded = new Promise((done) => engine.once("upgrade", (transport) => done(transport.name)));
    await new Promise((done) => socket.once("connect", done));
    // Sent while the upgrade is under way: each exactly once, in this order, whatever carried it.
    const back = [];
    socket.on("echo", (n) => back.push(n));
    for (let n = 0; n < 200; n++) {
      socket.emit("echo", n);
      if (n % 10 === 0) await new Promise((soon) => setTimeout(soon, 1));
    }
    const second = await upgraded;
    const conn = await socket.emitWithAck("conn");
    while (back.length < 200) await new Promise((soon) => setTimeout(soon, 10));
    socket.disconnect();
    return { first, second, server: conn.transport, back };
  });
  tell({ scene: "upgrade", ...seen, frames: frames.slice(0, 3) });
}

async function namespaces(page) {
  let opened = 0;
  page.on("websocket", () => opened++);
  const seen = await page.evaluate(async () => {
    const main = globalThis.io({ transports: ["websocket"], forceNew: true });
    const chat = main.io.socket("/chat");
    chat.connect();
    await Promise.all([main, chat].map((socket) => new Promise((done) => socket.once("connect", done))));
    const heard = { main: [], chat: [] };
    main.on("echo", (text) => heard.main.push(text));
    chat.on("echo", (text) => heard.chat.push(text));
    main.emit("echo", "to /");
    chat.emit("echo", "to /chat");
    await Promise.all([main, chat].map((socket) => socket.emitWithAck("ask", 1)));
    const ids = [main.id, chat.id];
    chat.disconnect();
    const alone = await main.emitWithAck("ask", "still here");
    main.disconnect();
    return { heard, alone, ids };
  });
  tell({ scene: "two namespaces", ...seen, opened });
}

async function binary(page) {
  for (const transport of ["polling", "websocket"]) {
    const seen = await page.evaluate(async (name) => {
      const socket = globalThis.io({ transports: [name], forceNew: true });
      await new Promise((done) => socket.once("connect", done));
      const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
      const large = new Uint8Array(300_000).map((_, n) => (n * 7) % 251);
      socket.emit("record", bytes);
      const back = new Promise((done) => socket.once("echo", (...values) => done(values)));
      socket.emit("echo", { deep: [bytes.buffer] }, new Blob(["a blob"]), large);
      const [tree, blob, big] = await back;
      const same = (left, right) => left.byteLength === right.length && new Uint8Array(left).every((each, n) => each === right[n]);
      const answer = await socket.emitWithAck("ask", bytes);
      const { id } = socket;
      socket.disconnect();
      return {
        id,
        kinds: [tree.deep[0], blob, big, answer].map((each) => each.constructor.name),
        intact: [same(tree.deep[0], bytes), same(big, large), same(answer, bytes)],
        blob: new TextDecoder().decode(blob),
      };
    }, transport);
    tell({ scene: `binary over ${transport}`, ...seen });
  }
}

const browser = await launch(chromium);
try {
  const grace = await Person.arrive(browser, url);
  await grace.enter("Grace");
  await grace.entered();
  await pollingOnly(browser, grace);
  await lid(grace);
  const page = await labPage(browser);
  await upgrade(page);
  await namespaces(page);
  await binary(page);
} finally {
  await browser.close();
}
process.exit(0); // standard input is still open

// A browser, and the people who sit before its pages. Knows how the chat's page is worked; the story is scenario.mjs.

import { chromium } from "playwright-core";

// What a page may take for one step, ms. The machine may be busy with other tests.
const PATIENCE = 15_000;

export async function launch(executablePath) {
  return chromium.launch({
    executablePath,
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0, // Chromium refuses to run its sandbox as root
    args: [
      "--headless",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/** One person: a context of their own (cookies, storage), one page, and what went wrong in it. */
export class Person {
  static async arrive(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", ...options });
    context.setDefaultTimeout(PATIENCE);
    const person = new Person(await context.newPage(), url);
    await person.page.goto(url);
    return person;
  }

  constructor(page, url) {
    this.page = page;
    this.problems = []; // errors of the page's own scripts, refused resources, broken security policy
    this.foreign = []; // requests to anybody but the server under test
    this.sockets = []; // WebSockets that were tried
    this.talking = new Set(); // those of them that brought something
    this.excused = false; // while the server is down on purpose, failing requests are expected
    const { origin } = new URL(url);
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !this.excused) this.problems.push(`${message.text()} ${message.location().url}`);
    });
    page.on("request", (request) => {
      const asked = new URL(request.url());
      if (asked.protocol.startsWith("http") && asked.origin !== origin) this.foreign.push(request.url());
    });
    page.on("websocket", (socket) => {
      this.sockets.push(socket);
      socket.on("framereceived", () => this.talking.add(socket));
    });
  }

  async enter(nickname) {
    await this.page.getByLabel("Nickname").fill(nickname);
    await this.page.getByRole("button", { name: "Enter" }).click();
  }

  async entered() {
    await this.page.locator("#entrance").waitFor({ state: "hidden" });
    await this.page.locator("#text:enabled").waitFor();
  }

  async write(text) {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** The newest letter with exactly this text, once it is on the screen. */
  async letter(text) {
    const found = this.page.locator(".entry", { has: this.page.getByText(text, { exact: true }) }).last();
    await found.waitFor();
    return found;
  }

  async delivered(text, count) {
    const letter = await this.letter(text);
    await letter.getByText(`delivered to ${count}`).waitFor({ state: "attached" });
  }

  async room(name) {
    await this.page.locator("#rooms .row", { hasText: name }).click();
    await this.page.getByRole("heading", { name: `#${name}`, exact: true }).waitFor();
  }

  async attach(name, mimeType, buffer) {
    await this.page.locator("#picture-file").setInputFiles({ name, mimeType, buffer });
  }

  /** Sends the attached picture. */
  async send() {
    await this.page.locator("#send:enabled").click();
  }

  async says(where, text) {
    await this.page.locator(where, { hasText: text }).waitFor();
  }

  /** What the newest picture on the screen really is: its size, its bytes, two of its pixels. */
  async newestPicture(differentFrom = null) {
    await this.page.waitForFunction((before) => {
      const image = [...document.querySelectorAll(".photo img")].at(-1);
      return image !== undefined && image.src !== before && image.complete && image.naturalWidth > 0;
    }, differentFrom);
    return this.page.evaluate(async () => {
      const image = [...document.querySelectorAll(".photo img")].at(-1);
      const canvas = document.createElement("canvas");
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const pixel = (x) => [...context.getImageData(Math.floor(x * canvas.width), canvas.height >> 1, 1, 1).data];
      const own = image.closest(".own") !== null;
      return { src: image.src, width: canvas.width, height: canvas.height, left: pixel(0.25), right: pixel(0.75), own };
    });
  }
}

// The story the chat must live through, played by real pages. It prints one JSON line per scene with what was seen, and
// asks for the server to be killed, stopped and started by a line with `ask`; the test that started it judges.
//
// Orders: `url`, `chromium`, `screenshots`.

import { launch, Person } from "./pages.mjs";
import { halves, noise } from "./png.mjs";
import { ask, orders, shoot, tell } from "./stage.mjs";

const { url, chromium } = orders;
const browser = await launch(chromium);
try {
  const ada = await Person.arrive(browser, url);
  await ada.page.locator("#entrance[open]").waitFor();
  await shoot(ada, "01-entrance");
  await ada.enter("Ada");
  await ada.entered();

  const grace = await Person.arrive(browser, url, { colorScheme: "dark" });
  await grace.enter("ada");
  const error = grace.page.locator("#entrance-error");
  await error.filter({ hasText: "Ada" }).waitFor();
  await shoot(grace, "02-refused");
  const refusal = await error.textContent();
  await grace.enter("Grace");
  await grace.entered();
  tell({ scene: "refusal", text: refusal });

  const linus = await Person.arrive(browser, url, {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  });
  await linus.enter("Linus");
  await linus.entered();
  await ada.says("#subtitle", "3 people");
  tell({ scene: "presence", seenByAda: await ada.page.locator("#members .name").allTextContents() });

  await ada.write("Good morning, everybody!");
  await grace.letter("Good morning, everybody!");
  await linus.letter("Good morning, everybody!");
  await ada.delivered("Good morning, everybody!", 2);
  await grace.write("Good morning, Ada. Is the new build out? https://example.org/changes");
  await ada.letter("Good morning, Ada. Is the new build out? https://example.org/changes");
  await linus.write("Almost. Tests are running.");
  await ada.letter("Almost. Tests are running.");
  const link = grace.page.locator(".words a").last();
  tell({
    scene: "talk",
    links: await link.evaluateAll((all) => all.map((a) => [a.href, a.rel, a.target])),
    names: await ada.page.locator(".entry:not(.own) .byline b").allTextContents(),
    // The upgrade to WebSocket follows the first answers over polling.
    websockets: [ada, grace, linus].map((person) => person.talking.size),
  });

  const markup = `<img src=x onerror="document.title='owned'"> <b>bold</b> & "quotes"`;
  await grace.write(markup);
  const shown = await ada.letter(markup);
  tell({ scene: "markup", elements: await shown.locator(".words *").count(), title: await ada.page.title() });

  await grace.page.getByLabel("Message", { exact: true }).pressSequentially("typing away", { delay: 15 });
  await ada.says("#typing", "Grace is typing");
  const mark = await ada.page.locator("#typing").textContent();
  await shoot(ada, "03-talk");
  await shoot(grace, "04-talk-dark");
  await ada.page.locator("#typing:empty").waitFor({ state: "attached" });
  await grace.page.getByLabel("Message", { exact: true }).fill("");
  const columns = ["#rooms-panel", ".talk", "#people-panel"];
  const heights = await Promise.all(columns.map(async (each) => (await ada.page.locator(each).boundingBox()).height));
  tell({ scene: "typing", mark, heights });

  await grace.page.getByPlaceholder("Another room").fill("Rose Garden");
  await grace.page.keyboard.press("Enter");
  await grace.page.getByRole("heading", { name: "#rose-garden", exact: true }).waitFor();
  await ada.room("rose-garden");
  await grace.says(".notice", "Ada joined");
  await ada.write("Only for gardeners");
  await grace.letter("Only for gardeners");
  await ada.delivered("Only for gardeners", 1);
  await grace.page.getByRole("button", { name: "Leave #rose-garden" }).click();
  await ada.says(".notice", "Grace left");
  await ada.says("#subtitle", "only you");
  await grace.page.getByRole("heading", { name: "#lobby", exact: true }).waitFor();
  tell({
    scene: "rooms",
    graceIsIn: await grace.page.locator("#rooms .row:not(.away) .name").allTextContents(),
    linusHasRead: await linus.page.getByText("Only for gardeners").count(),
  });

  await ada.page.getByRole("button", { name: "Write to Grace privately" }).click();
  await ada.write("Between you and me: it ships today.");
  await ada.delivered("Between you and me: it ships today.", 1);
  const badge = grace.page.locator("#private .row", { hasText: "Ada" });
  await badge.locator(".badge").waitFor();
  const unread = { badge: (await badge.locator(".badge").innerText()).split("\n")[0], title: await grace.page.title() };
  await badge.click();
  await grace.letter("Between you and me: it ships today.");
  await grace.write("My lips are sealed.");
  await ada.letter("My lips are sealed.");
  await shoot(ada, "05-private");
  tell({
    scene: "private",
    unread,
    readTitle: await grace.page.title(),
    linusHasRead: await linus.page.getByText(/ships today|lips are sealed/).count(),
    linusHasPrivate: await linus.page.locator("#private .row").count(),
  });

  await ada.room("lobby");
  await grace.room("lobby");
  await ada.attach("halves.png", "image/png", halves(640, 360, [196, 62, 40], [38, 92, 168]));
  await ada.page.locator("#picture-note", { hasText: "640 × 360" }).waitFor();
  await ada.page.getByLabel("Message", { exact: true }).fill("The two colours of the new logo");
  await shoot(ada, "06-picture-tray");
  await ada.send();
  const small = await grace.newestPicture();
  await ada.delivered("The two colours of the new logo", 2);
  tell({ scene: "picture", ...small });

  const large = noise(2600, 1700);
  await grace.attach("noise.png", "image/png", large);
  await grace.page.locator("#picture-note", { hasText: "made smaller" }).waitFor();
  const note = await grace.page.locator("#picture-note").textContent();
  const earlier = await ada.newestPicture();
  await grace.send();
  const mine = await ada.newestPicture(earlier.src);
  const seen = { width: mine.width, height: mine.height, own: mine.own };
  await ada.attach("notes.txt", "text/plain", Buffer.from("no picture"));
  await ada.says(".toast", "Pictures can be");
  tell({ scene: "large picture", bytes: large.length, note, ...seen });
  await shoot(ada, "07-pictures");

  await ada.page.locator(".photo").first().click();
  await ada.page.locator("#lightbox[open]").waitFor();
  await ada.page.keyboard.press("Escape");
  await ada.page.locator("#lightbox").waitFor({ state: "hidden" });

  await ada.page.reload();
  await ada.entered();
  await grace.says("#subtitle", "3 people");
  await ada.write("Reloaded, and still me");
  await grace.letter("Reloaded, and still me");
  const remembered = await ada.page.getByText("Good morning, everybody!", { exact: true }).count();
  const leftAndJoined = await grace.page.locator(".notice", { hasText: "Ada left" }).count();
  tell({ scene: "reload", remembered, leftAndJoined, me: await ada.page.locator("#me .name").textContent() });

  const everybody = [ada, grace, linus];
  for (const person of everybody) person.excused = true;
  await ask("kill");
  for (const person of everybody) await person.says("#banner", "Connection lost");
  await ada.says("#banner", "attempt");
  await ada.write("Written while nobody listened");
  await (await ada.letter("Written while nobody listened")).getByText("waiting for the connection").waitFor();
  await shoot(ada, "08-connection-lost");
  await grace.page.locator("#private .row", { hasText: "Ada" }).click();
  await grace.write("Is it down for you too?");
  await shoot(linus, "09-connection-lost-phone");
  const lost = await Promise.all(everybody.map((person) => person.page.locator("#banner-text").textContent()));
  await ask("start");
  for (const person of everybody) await person.page.locator("#banner").waitFor({ state: "hidden" });
  await ada.page.locator("#private .row", { hasText: "Grace" }).click();
  await ada.letter("Is it down for you too?");
  await grace.delivered("Is it down for you too?", 1);
  await ada.room("lobby");
  await grace.room("lobby");
  await grace.letter("Written while nobody listened");
  await grace.says("#subtitle", "3 people");
  await linus.write("And we are back");
  await ada.letter("And we are back");
  await linus.delivered("And we are back", 2);
  tell({
    scene: "restart",
    lost,
    names: await Promise.all(everybody.map((person) => person.page.locator("#me .name").textContent())),
    adaIsIn: await ada.page.locator("#rooms .row:not(.away) .name").allTextContents(),
    written: await grace.page.getByText("Written while nobody listened").count(),
  });

  // An orderly end must not look like being thrown out: the official client would stay away then.
  await ask("stop");
  for (const person of everybody) await person.says("#banner", "Connection lost");
  await ask("start");
  for (const person of everybody) await person.page.locator("#banner").waitFor({ state: "hidden" });
  for (const person of everybody) person.excused = false;
  await grace.says("#subtitle", "3 people");
  await grace.write("That was quick");
  await grace.delivered("That was quick", 2);
  tell({ scene: "orderly restart", members: await ada.page.locator("#members .name").allTextContents() });

  // The storage of a tab is copied into a window that it opens: the same person, twice.
  const [second] = await Promise.all([
    ada.page.context().waitForEvent("page"),
    ada.page.evaluate(() => void window.open(location.href)),
  ]);
  await second.locator("#text:enabled").waitFor();
  await ada.says("#banner", "another tab");
  await ada.page.getByRole("button", { name: "Continue here" }).click();
  await ada.page.locator("#banner").waitFor({ state: "hidden" });
  await second.locator("#banner", { hasText: "another tab" }).waitFor();
  await grace.says("#subtitle", "3 people");
  await second.close();
  tell({ scene: "two tabs", members: await grace.page.locator("#members .name").allTextContents() });

  await shoot(linus, "10-phone");
  const wide = await linus.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  await linus.page.getByRole("button", { name: /^Conversations/ }).tap();
  await linus.page.locator("#rooms-panel").getByRole("button", { name: "Close the list" }).waitFor();
  await linus.page.waitForTimeout(300); // the drawer slides for 200 ms, and a screenshot should show it open
  await shoot(linus, "11-phone-rooms");
  await linus.page.locator("#rooms .row", { hasText: "ideas" }).tap();
  await linus.page.getByRole("heading", { name: "#ideas", exact: true }).waitFor();
  const closed = await linus.page.locator("#app").evaluate((app) => app.dataset.drawer === undefined);
  await linus.page.getByRole("button", { name: "People", exact: true }).tap();
  await linus.page.waitForTimeout(300);
  await shoot(linus, "12-phone-people");
  await linus.page.keyboard.press("Escape");
  const focused = await linus.page.evaluate(() => document.activeElement.id);
  tell({ scene: "phone", wide, closed, focused });

  await linus.page.context().close();
  await grace.says("#subtitle", "2 people");
  await grace.says(".notice", "Linus left");
  tell({ scene: "departure", members: await grace.page.locator("#members .name").allTextContents() });

  tell({
    scene: "end",
    version: browser.version(),
    problems: everybody.flatMap((person) => person.problems),
    foreign: everybody.flatMap((person) => person.foreign),
  });
} finally {
  await browser.close();
}
process.exit(0); // standard input is still open

// Two people use the demo through the official client: they enter, meet in a room, exchange a message and its tick,
// and a taken nickname is refused. Exits with 1 and says what did not happen. Usage: use_demo.mjs URL
import { createRequire } from "node:module";

const { io } = createRequire(new URL("../examples/chat/package.json", import.meta.url))("socket.io-client");
const url = process.argv[2];
const PATIENCE = 10_000;

function check(fact, text) {
  if (!fact) {
    console.error(`The demo failed: ${text}`);
    process.exit(1);
  }
  console.log(`  ${text}`);
}

function person(nickname, transports) {
  return io(url, {
    auth: { nickname, visitor: `visitor-key-of-${nickname}-${process.pid}` },
    forceNew: true,
    reconnection: false,
    transports,
  });
}

function once(socket, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}" came`)), PATIENCE);
    socket.once(event, (...values) => {
      clearTimeout(timer);
      resolve(values);
    });
  });
}

try {
  const ann = person("Ann", ["websocket"]);
  const [me] = await once(ann, "welcome");
  check(me.nickname === "Ann" && me.id === ann.id, "Ann enters over WebSocket");

  const bob = person("Bob", ["polling"]);
  const [, everybody] = await once(bob, "welcome");
  check(everybody.some((card) => card.nickname === "Ann"), "Bob enters over long-polling and sees her");

  const thief = person("ann", ["websocket"]);
  const [refusal] = await once(thief, "connect_error");
  check(/ann/i.test(refusal.message), `a third is refused: ${refusal.message}`);
  thief.close();

  for (const guest of [ann, bob]) {
    const answer = await guest.timeout(PATIENCE).emitWithAck("join", "lobby");
    check(answer.room === "lobby", "joins the lobby");
  }
  bob.on("message", (room, letter) => bob.emit("received", room, letter.id));
  const heard = once(bob, "message");
  const tick = once(ann, "delivered");
  const sent = await ann.timeout(PATIENCE).emitWithAck("message", "lobby", { text: "Is anybody here?" });
  const [room, letter] = await heard;
  check(room === "lobby" && letter.text === "Is anybody here?" && letter.id === sent.id, "Bob reads what she wrote");
  const [, id, count] = await tick;
  check(id === sent.id && count === 1, "Ann sees that one page has it");

  bob.once("private message", (_, received) => received());
  const picture = { text: "", image: Buffer.from([0xff, 0xd8, 0xff]), type: "image/jpeg" };
  const whisper = await ann.timeout(PATIENCE).emitWithAck("private message", bob.id, picture);
  check(whisper.delivered === 1, "Bob's page acknowledges a private picture");

  const gone = once(ann, "gone");
  bob.close();
  check((await gone)[0].nickname === "Bob", "Ann sees him leave");
  ann.close();
} catch (error) {
  check(false, error.message);
}
process.exit(0);

// Official Socket.IO clients, commanded by JSON lines on standard input, reporting JSON lines.
//
// One process holds many clients, each named by the commander. Bytes travel as {"$bytes": base64}. The driver
// decides nothing: it does what it is told and tells what the official client did.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../js/package.json", import.meta.url));
// Which version of the client: several are installed, each under its own name.
const name = process.argv[2];
const { Manager } = require(name);

const report = (client, type, fields = {}) =>
  process.stdout.write(JSON.stringify({ client, type, ...fields }) + "\n");

function pack(value) {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(pack);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
  }
  return value;
}

function unpack(value) {
  if (Array.isArray(value)) return value.map(unpack);
  if (value && typeof value === "object") {
    if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
  }
  return value;
}

const managers = new Map();
const sockets = new Map();

function watchEngine(id, manager) {
  manager.on("open", () => {
    const { engine } = manager;
    report(id, "open", { transport: engine.transport.name, sid: engine.id });
    engine.on("upgrade", (transport) => report(id, "upgrade", { transport: transport.name }));
    engine.on("upgradeError", (error) => report(id, "upgrade_error", { message: error.message }));
  });
  manager.on("close", (reason) => report(id, "close", { reason }));
  for (const event of ["reconnect_attempt", "reconnect"]) {
    manager.on(event, (attempt) => report(id, event, { attempt }));
  }
}

const commands = {
  // A client of its own connection, or (with `over`) one more namespace on another client's connection.
  connect({ client, url, nsp, auth, over, options }) {
    let manager = managers.get(over);
    if (!manager) {
      manager = new Manager(url, { autoConnect: false, ...options });
      managers.set(client, manager);
      watchEngine(client, manager);
    }
    const socket = manager.socket(nsp, { auth });
    sockets.set(client, socket);
    socket.on("connect", () => report(client, "connect", { id: socket.id, recovered: socket.recovered }));
    socket.on("connect_error", (error) => report(client, "connect_error", { message: error.message, data: pack(error.data) }));
    socket.on("disconnect", (reason, details) =>
      report(client, "disconnect", { reason, detail: details === undefined ? null : String(details.description ?? details) }),
    );
    socket.answers = new Map();
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : null;
      report(client, "event", { name: event, args: pack(args), asked: ack !== null });
      if (ack && socket.answers.has(event)) {
        const answer = socket.answers.get(event);
        ack(...(answer === "args" ? args : answer));
      }
    });
    if (over && manager._readyState === "open") socket.connect();
    else if (!over) socket.connect();
  },
  // How the client acknowledges an event: with fixed values, or "args" to send back what came.
  answer({ client, event, values }) {
    sockets.get(client).answers.set(event, values === "args" ? values : unpack(values));
  },
  emit({ client, event, args, volatile }) {
    const socket = sockets.get(client);
    (volatile ? socket.volatile : socket).emit(event, ...unpack(args));
  },
  ask({ client, event, args, number }) {
    sockets.get(client).emit(event, ...unpack(args), (...values) => report(client, "ack", { number, args: pack(values) }));
  },
  disconnect({ client }) {
    sockets.get(client).disconnect();
  },
  reconnect({ client }) {
    sockets.get(client).connect();
  },
  // The connection is cut without a word, as a network does.
  cut({ client }) {
    const { transport } = managers.get(client).engine;
    if (transport.ws) transport.ws.terminate();
    else transport.onError("cut by the test");
  },
  forget({ client }) {
    sockets.get(client)?.disconnect();
    managers.get(client)?._close();
    sockets.delete(client);
    managers.delete(client);
    report(client, "forgotten");
  },
};

report(null, "ready", { version: require(`${name}/package.json`).version });
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { op, ...rest } = JSON.parse(line);
  commands[op](rest);
});
lines.on("close", () => process.exit(0));

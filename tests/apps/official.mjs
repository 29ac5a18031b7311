// The application of main.py on the official server: it proves that what the suite expects of the wire is
// what the official server does. Takes the same command line, speaks the same JSON lines, and translates
// the options' names and units.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../js/package.json", import.meta.url));
const { Server } = require("socket.io");

const spec = JSON.parse(process.argv[2]);

const say = (type, fields) => process.stdout.write(JSON.stringify({ type, ...fields }) + "\n");
const note = (what, fields) => say("journal", { what, ...fields });

const seconds = (value) => value * 1000;
const renamed = {
  ping_interval: ["pingInterval", seconds],
  ping_timeout: ["pingTimeout", seconds],
  upgrade_timeout: ["upgradeTimeout", seconds],
  connect_timeout: ["connectTimeout", seconds],
  max_http_buffer_size: ["maxHttpBufferSize"],
  allow_upgrades: ["allowUpgrades"],
  transports: ["transports"],
  path: ["path"],
};
const corsNames = {
  cors_allowed_origins: "origin",
  cors_allowed_methods: "methods",
  cors_allowed_headers: "allowedHeaders",
  cors_exposed_headers: "exposedHeaders",
  cors_credentials: "credentials",
  cors_max_age: "maxAge",
};
const options = { serveClient: false, cors: {} };
for (const [name, value] of Object.entries(spec.options)) {
  if (name in renamed) {
    const [key, convert = (x) => x] = renamed[name];
    options[key] = convert(value);
  } else if (name in corsNames) {
    options.cors[corsNames[name]] = value;
  } else if (name === "serve_client") {
    options.serveClient = true;
  } else {
    throw new Error(`no translation for the option ${name}`);
  }
}
if (!("origin" in options.cors)) {
  delete options.cors;
}

const httpServer = createServer((request, response) => {
  response.writeHead(404);
  response.end();
});
const io = new Server(httpServer, options);

const ownRooms = (socket) => [...socket.rooms].filter((room) => room !== socket.id).sort();

function addressed(nsp, socket, where) {
  let target = { nsp, socket, io, broadcast: socket.broadcast }[where.base ?? "nsp"];
  if (where.to) target = target.to(where.to);
  if (where.in) target = target.in(where.in);
  if (where.except) target = target.except(where.except);
  return where.volatile ? target.volatile : target;
}

function install(name) {
  const nsp = io.of(name);
  nsp.on("connect", (socket) => {
    note("connect", { id: socket.id, nsp: name, transport: socket.conn.transport.name, connected: socket.connected });
    socket.emit("welcome", socket.handshake.auth);
    let leftRooms;
    socket.on("disconnecting", (reason) => {
      leftRooms = ownRooms(socket);
      note("disconnecting", { id: socket.id, nsp: name, reason, rooms: leftRooms });
    });
    socket.on("disconnect", (reason, description) => {
      socket.join("ghosts");
      const detail = description === undefined ? null : String(description.message ?? description);
      note("disconnect", { id: socket.id, nsp: name, reason, rooms: [...socket.rooms], connected: socket.connected, detail });
    });
    socket.on("error", (...values) => {
      const internal = values[0] instanceof Error;
      const text = internal ? values[0].message : String(values[0]);
      note("error", { id: socket.id, internal, text, data: internal ? (values[0].data ?? null) : values });
    });
    socket.use((packet, next) => {
      if (packet[0] === "forbidden") {
        return next(Object.assign(new Error("not for you"), { data: { code: 7 } }));
      }
      if (packet[0] === "rewrite") packet[1] = `rewritten ${packet[1]}`;
      next();
    });
    const on = (event, handler) =>
      socket.on(event, async (...args) => {
        const ack = typeof args.at(-1) === "function" ? args.pop() : () => {};
        const values = await handler(...args);
        if (values !== undefined) ack(...values);
      });
    on("forbidden", () => {
      note("forbidden ran", { id: socket.id });
      return ["unreachable"];
    });
    on("rewrite", (text) => [text]);
    on("mark", () => {
      note("mark", { id: socket.id });
      return [];
    });
    on("echo", (...args) => {
      socket.emit("echo", ...args);
      return [];
    });
    on("ask", (...args) => args);
    on("record", (value) => {
      note("record", { id: socket.id, value });
      return [];
    });
    on("join", (...rooms) => {
      socket.join(rooms);
      return [ownRooms(socket)];
    });
    on("leave", (...rooms) => {
      rooms.forEach((room) => socket.leave(room));
      return [ownRooms(socket)];
    });
    on("publish", (where, event, ...args) => {
      addressed(nsp, socket, where).emit(event, ...args);
      return [];
    });
    on("burst", (...steps) => {
      for (const [where, event, ...args] of steps) addressed(nsp, socket, where).emit(event, ...args);
      note("burst", { id: socket.id });
      return [];
    });
    on("question", (limit, event, ...args) => {
      const asker = limit === null ? socket : socket.timeout(seconds(limit));
      asker.emitWithAck(event, ...args).then(
        (answer) => socket.emit("answered", answer),
        (error) => socket.emit("unanswered", error.message),
      );
      return [];
    });
    on("survey", (where, limit, event, ...args) => {
      addressed(nsp, socket, where).timeout(seconds(limit)).emitWithAck(event, ...args).then(
        (answers) => socket.emit("complete", answers),
        (error) => socket.emit("incomplete", error.message, error.responses),
      );
      return [];
    });
    on("people", async (where) => {
      socket.data.asked = true;
      const found = await addressed(nsp, socket, where).fetchSockets();
      const seen = found.map((each) => [each.id, ownRooms(each), each.data, each.handshake.auth]);
      return [seen.sort((a, b) => (a[0] < b[0] ? -1 : 1))];
    });
    on("move", (where, join, leave) => {
      const target = addressed(nsp, socket, where);
      target.socketsJoin(join);
      target.socketsLeave(leave);
      return [];
    });
    on("kick", (where, close) => {
      addressed(nsp, socket, where).disconnectSockets(close);
      return [];
    });
    on("remote", async (sid, ...room) => {
      const [found] = await nsp.in(sid).fetchSockets();
      found.join(room);
      found.emit("from afar", 1);
      return [await found.timeout(5000).emitWithAck("what?", 2)];
    });
    on("adapter", (...rooms) => {
      const views = nsp.adapter;
      const ids = rooms.map((room) => [...(views.rooms.get(room) ?? [])].sort());
      const own = [...views.sids.get(socket.id)].filter((room) => room !== socket.id).sort();
      return Promise.resolve(views.sockets(new Set(rooms))).then((all) => [[ids, own, [...all].sort()]]);
    });
    on("handshake", () => [socket.handshake]);
    on("conn", () => [{ id: socket.conn.id, transport: socket.conn.transport.name, protocol: socket.conn.protocol }]);
    on("bye", (close) => {
      socket.disconnect(close);
    });
    on("drop", () => {
      socket.conn.close();
    });
    on("emit reserved", (event) => {
      try {
        socket.emit(event);
      } catch (error) {
        return [error.message];
      }
      return [null];
    });
  });
}

install("/");
install("/chat");
install("/guarded");
io.of("/chat").on("connect", (socket) => {
  socket.on("message", (...args) => socket.send(...args));
});
const guarded = io.of("/guarded");
guarded.use(async (socket, next) => {
  note("gate", { order: 1, id: socket.id, connected: socket.connected });
  socket.join("early birds");
  socket.emit("early", 1);
  if (socket.handshake.auth.token === "slow") {
    await new Promise((resolve) => setTimeout(resolve, 300));
    note("slow gate over", { id: socket.id });
  }
  next();
});
guarded.use((socket, next) => {
  note("gate", { order: 2, id: socket.id, connected: socket.connected });
  const { token } = socket.handshake.auth;
  if (token === "good" || token === "slow") return next();
  if (token === "plain") return next(new Error("not authorized"));
  next(Object.assign(new Error("not authorized"), { data: { code: 401, why: ["token"] } }));
});

const commands = {
  stats: () => ({
    sessions: io.engine.clientsCount,
    sockets: [...io._nsps.values()].reduce((sum, nsp) => sum + nsp.sockets.size, 0),
    rooms: [...io._nsps.values()].reduce((sum, nsp) => sum + nsp.adapter.rooms.size, 0),
    bytes_queued: 0,
    events_queued: 0,
  }),
  emit: ({ nsp, to, event, args }) => void (to.length ? io.of(nsp).to(to) : io.of(nsp)).emit(event, ...args),
  close: () => io.close().then(() => null),
};

httpServer.listen(spec.port, "127.0.0.1", () => say("listening", { port: httpServer.address().port }));
const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const { command, name, ...rest } = JSON.parse(line);
  try {
    say("reply", { command, value: (await commands[name](rest)) ?? null });
  } catch (error) {
    say("reply", { command, error: String(error) });
  }
});
lines.on("close", () => process.exit(0));

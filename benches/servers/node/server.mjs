// The official server with the handlers that every peer of the benchmarks has; default options.
// Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server } from "socket.io";

const require = createRequire(import.meta.url);
const httpServer = createServer();
const io = new Server(httpServer);

io.on("connection", (socket) => {
  socket.on("echo", (data, ack) => ack(data));
  socket.on("echo_emit", (data) => socket.emit("echo_emit", data));
  socket.on("bcast", (data) => io.emit("bcast", data));
});

// The official server's own default is 511 waiting connections; 2048 as in every peer.
httpServer.listen({ host: "127.0.0.1", port: 0, backlog: 2048 }, () => {
  const versions = {
    node: process.versions.node,
    "socket.io": require("socket.io/package.json").version,
    ws: require("ws/package.json").version,
  };
  console.log(JSON.stringify({ port: httpServer.address().port, versions }));
});

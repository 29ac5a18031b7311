// The official server with the handlers that every peer of the benchmarks has; default options.
// Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { Server } from "socket.io";

import { register } from "./handlers.mjs";

const require = createRequire(import.meta.url);
const httpServer = createServer();
register(new Server(httpServer));

// The official server's own default is 511 waiting connections; 2048 as in every peer.
httpServer.listen({ host: "127.0.0.1", port: 0, backlog: 2048 }, () => {
  const versions = {
    node: process.versions.node,
    "socket.io": require("socket.io/package.json").version,
    ws: require("ws/package.json").version,
  };
  console.log(JSON.stringify({ port: httpServer.address().port, versions }));
});

// The official server on the bun engine, with the handlers that every peer of the benchmarks has; default options.
// Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.

import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { version as engine } from "@socket.io/bun-engine/package.json";
import { version as socketIo } from "socket.io/package.json";

import { register } from "../node/handlers.mjs";

const io = new Server();
const bunEngine = new Engine({ path: "/socket.io/" });
io.bind(bunEngine);
register(io);

const server = Bun.serve({ hostname: "127.0.0.1", port: 0, ...bunEngine.handler() });
const versions = { bun: Bun.version, "@socket.io/bun-engine": engine, "socket.io": socketIo };
console.log(JSON.stringify({ port: server.port, versions }));

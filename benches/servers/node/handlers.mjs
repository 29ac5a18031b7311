// The handlers that every peer of the benchmarks has, for the official server on any engine and runtime.

export function register(io) {
  io.on("connection", (socket) => {
    socket.on("echo", (data, ack) => ack(data));
    socket.on("echo_emit", (data) => socket.emit("echo_emit", data));
    socket.on("bcast", (data) => io.emit("bcast", data));
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack(room);
    });
    socket.on("room", (room, data) => io.to(room).emit("room", data));
  });
}

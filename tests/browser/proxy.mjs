// A proxy as strict networks have it: plain HTTP passes, a tunnel (CONNECT), which is how a browser sends WebSocket through
// a proxy, is refused. Knows nothing of Socket.IO.

import http from "node:http";

export async function strictProxy() {
  const refused = [];
  const server = http.createServer((request, response) => {
    const { method, url, headers } = request;
    const onward = http.request(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request, socket) => {
    refused.push(request.url);
    socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n");
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    // By default a browser asks no proxy for this machine's own addresses.
    settings: { server: `http://127.0.0.1:${server.address().port}`, bypass: "<-loopback>" },
    refused,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

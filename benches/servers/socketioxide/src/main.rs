//! socketioxide on axum with the handlers that every peer of the benchmarks has; default options.
//!
//! Prints one JSON line when it listens, then serves until SIGTERM. Measures nothing.

use rmpv::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tokio::net::TcpSocket;

/// Waiting connections, as in every peer.
const BACKLOG: u32 = 2048;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", connected);
    let app = axum::Router::new().layer(layer);

    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let listener = socket.listen(BACKLOG)?;
    let versions = serde_json::json!({
        "socketioxide": env!("SOCKETIOXIDE_VERSION"),
        "axum": env!("AXUM_VERSION"),
        "tokio": env!("TOKIO_VERSION"),
    });
    let port = listener.local_addr()?.port();
    println!("{}", serde_json::json!({"port": port, "versions": versions}));
    // What the other servers do by default, or their event loops for them.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}

async fn connected(socket: SocketRef) {
    socket.on("echo", async |Data::<Value>(data), ack: AckSender| {
        ack.send(&data).ok();
    });
    socket.on(
        "echo_emit",
        async |socket: SocketRef, Data::<Value>(data)| {
            socket.emit("echo_emit", &data).ok();
        },
    );
    socket.on("bcast", async |io: SocketIo, Data::<Value>(data)| {
        io.emit("bcast", &data).await.ok();
    });
    socket.on(
        "join",
        async |socket: SocketRef, Data::<String>(room), ack: AckSender| {
            socket.join(room.clone());
            ack.send(&room).ok();
        },
    );
    socket.on(
        "room",
        async |io: SocketIo, Data::<(String, Value)>((room, data))| {
            io.to(room).emit("room", &data).await.ok();
        },
    );
}

//! The body of the packet that opens a session.
//!
//! The order of the keys is the official server's: some clients compare texts.

use crate::json;

/// What the server tells a new client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake<'a> {
    pub sid: &'a str,
    /// Whether an upgrade to WebSocket is offered.
    pub upgrade_to_websocket: bool,
    /// Milliseconds.
    pub ping_interval: u64,
    /// Milliseconds.
    pub ping_timeout: u64,
    /// Bytes of the largest message that is accepted.
    pub max_payload: u64,
}

impl Handshake<'_> {
    /// Appends the whole packet, type digit included.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let mut number = |name: &[u8], value: u64, out: &mut Vec<u8>| {
            out.extend_from_slice(name);
            out.extend_from_slice(digits.format(value).as_bytes());
        };
        out.reserve(128);
        out.extend_from_slice(b"0{\"sid\":");
        json::write_string(self.sid, out);
        out.extend_from_slice(if self.upgrade_to_websocket {
            b",\"upgrades\":[\"websocket\"]"
        } else {
            b",\"upgrades\":[]"
        });
        number(b",\"pingInterval\":", self.ping_interval, out);
        number(b",\"pingTimeout\":", self.ping_timeout, out);
        number(b",\"maxPayload\":", self.max_payload, out);
        out.push(b'}');
    }

    /// The whole packet.
    pub fn to_packet(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::Handshake;

    const DEFAULTS: Handshake<'static> = Handshake {
        sid: "bpvH4QJRLii9-9iaAAAA",
        upgrade_to_websocket: true,
        ping_interval: 25_000,
        ping_timeout: 20_000,
        max_payload: 1_000_000,
    };

    #[test]
    fn the_bytes_are_the_official_ones() {
        assert_eq!(
            String::from_utf8(DEFAULTS.to_packet()).unwrap(),
            "0{\"sid\":\"bpvH4QJRLii9-9iaAAAA\",\"upgrades\":[\"websocket\"],\
             \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
    }

    #[test]
    fn on_websocket_nothing_is_left_to_upgrade_to() {
        let packet = Handshake {
            upgrade_to_websocket: false,
            ..DEFAULTS
        }
        .to_packet();
        assert!(
            String::from_utf8(packet)
                .unwrap()
                .contains("\"upgrades\":[],")
        );
    }

    proptest! {
        #[test]
        fn it_is_json_whatever_the_values(sid: String, interval: u64, timeout: u64, max: u64, upgrade: bool) {
            let packet = Handshake {
                sid: &sid,
                upgrade_to_websocket: upgrade,
                ping_interval: interval,
                ping_timeout: timeout,
                max_payload: max,
            }
            .to_packet();
            let value: Value = serde_json::from_slice(&packet[1..]).unwrap();
            prop_assert_eq!(&value["sid"], &Value::from(sid));
            prop_assert_eq!(&value["pingInterval"], &Value::from(interval));
            prop_assert_eq!(&value["pingTimeout"], &Value::from(timeout));
            prop_assert_eq!(&value["maxPayload"], &Value::from(max));
            prop_assert_eq!(value["upgrades"].as_array().unwrap().len(), usize::from(upgrade));
        }
    }
}

//! Proxies that are believed: what their `X-Forwarded-*` headers say of a request counts instead of the connection.
//!
//! Nobody is by default, because anyone can send such headers. Who is stands in the application's options; names are not
//! resolved here.

use std::net::{IpAddr, SocketAddr};

use super::request::RequestHead;

/// Networks, each an address and the number of its leading bits that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    pub const fn new(networks: Vec<(IpAddr, u8)>) -> Self {
        Self(networks)
    }

    /// Whether one of them has the address. One of IPv4 in the clothes of IPv6 is one of IPv4.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0
            .iter()
            .any(|(network, bits)| shares(*network, address, *bits))
    }

    /// The request as the outermost believed proxy received it: the client's address, its scheme and its `Host`.
    pub fn look_through<'a>(&self, head: &RequestHead<'a>) -> RequestHead<'a> {
        let mut seen = *head;
        if !head.address.is_some_and(|peer| self.contain(peer.ip())) {
            return seen;
        }
        // Every proxy appends the address it was connected from; beyond the first that is not believed anything may stand.
        let stations: Vec<&str> = head
            .values("x-forwarded-for")
            .flat_map(|value| value.split(','))
            .collect();
        for station in stations.into_iter().rev() {
            let Some(address) = parse(station.trim()) else {
                break;
            };
            seen.address = Some(address);
            if !self.contain(address.ip()) {
                break;
            }
        }
        if let Some(scheme) = first(head, "x-forwarded-proto") {
            seen.secure = matches!(scheme, "https" | "wss");
        }
        seen.forwarded_host = first(head, "x-forwarded-host");
        seen
    }
}

/// The value that the outermost proxy wrote.
fn first<'a>(head: &RequestHead<'a>, name: &str) -> Option<&'a str> {
    let value = head.header(name)?.split(',').next()?.trim();
    (!value.is_empty()).then_some(value)
}

/// An address with or without a port.
fn parse(text: &str) -> Option<SocketAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match bare.unwrap_or(text).parse::<IpAddr>() {
        Ok(address) => Some(SocketAddr::new(address, 0)),
        Err(_) => text.parse().ok(),
    }
}

fn shares(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    let bits = u32::from(bits);
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differ = network.to_bits() ^ address.to_bits();
            differ.leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Header = (&'static str, &'static [u8]);

    fn networks(all: &[(&str, u8)]) -> Networks {
        Networks::new(
            all.iter()
                .map(|(address, bits)| (address.parse().unwrap(), *bits))
                .collect(),
        )
    }

    fn seen(trusted: &Networks, peer: Option<&str>, headers: &[Header]) -> (Option<String>, bool) {
        let head = RequestHead {
            method: "GET",
            target: "/socket.io/",
            headers,
            address: peer.map(|peer| SocketAddr::new(peer.parse().unwrap(), 999)),
            secure: false,
            host: None,
            forwarded_host: None,
        };
        let seen = trusted.look_through(&head);
        (
            seen.address.map(|address| address.ip().to_string()),
            seen.secure,
        )
    }

    #[test]
    fn a_network_is_its_leading_bits() {
        let some = networks(&[("10.0.0.0", 8), ("::1", 128), ("192.168.7.4", 30)]);
        for inside in ["10.255.1.2", "::1", "192.168.7.7", "::ffff:10.1.2.3"] {
            assert!(some.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "::2", "192.168.7.8", "127.0.0.1"] {
            assert!(!some.contain(outside.parse().unwrap()), "{outside}");
        }
        let all = networks(&[("0.0.0.0", 0)]);
        assert!(all.contain("8.8.8.8".parse().unwrap()));
        assert!(!all.contain("::1".parse().unwrap()));
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let headers: [Header; 2] = [
            ("x-forwarded-for", b"1.2.3.4"),
            ("x-forwarded-proto", b"https"),
        ];
        let strangers = [Some("8.8.8.8"), None];
        for peer in strangers {
            let found = seen(&networks(&[("10.0.0.0", 8)]), peer, &headers);
            assert_eq!(found, (peer.map(str::to_owned), false));
        }
        let nobody = seen(&Networks::default(), Some("10.0.0.1"), &headers);
        assert_eq!(nobody, (Some("10.0.0.1".to_owned()), false));
    }

    #[test]
    fn the_address_is_the_first_from_the_right_that_is_not_a_proxy() {
        let trusted = networks(&[("10.0.0.0", 8)]);
        let rows: [(&[Header], &str); 6] = [
            (&[("x-forwarded-for", b"1.2.3.4")], "1.2.3.4"),
            (
                &[("x-forwarded-for", b"6.6.6.6, 1.2.3.4, 10.0.0.9")],
                "1.2.3.4",
            ),
            (
                &[
                    ("x-forwarded-for", b"6.6.6.6"),
                    ("x-forwarded-for", b"1.2.3.4:80"),
                ],
                "1.2.3.4",
            ),
            (&[("x-forwarded-for", b"[2001:db8::7]:443")], "2001:db8::7"),
            (&[("x-forwarded-for", b"1.2.3.4, unknown")], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ];
        for (headers, expected) in rows {
            assert_eq!(
                seen(&trusted, Some("10.0.0.1"), headers).0.as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn the_scheme_is_the_clients() {
        let trusted = networks(&[("10.0.0.0", 8)]);
        let secure = |value| seen(&trusted, Some("10.0.0.1"), &[("x-forwarded-proto", value)]).1;
        assert!(secure(b"https"));
        assert!(secure(b"wss, http"));
        assert!(!secure(b"http"));
        assert!(!secure(b""));
    }
}

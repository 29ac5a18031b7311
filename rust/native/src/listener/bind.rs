//! Binding: from a host name, or a path, to listening sockets. It accepts nothing.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdTcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(unix)]
use super::unix;
use crate::options::ListenOptions;

/// A free port of the first address may be taken at the second one; so many times another one is tried.
const PORT_TRIES: usize = 16;

/// Bound sockets, made on the thread that starts the listener, so that it sees every error.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) tcp: Vec<StdTcpListener>,
    pub(crate) addresses: Vec<SocketAddr>,
    #[cfg(unix)]
    pub(crate) unix: Option<unix::BoundPath>,
}

impl Bound {
    /// The same sockets for one more thread. The file of a Unix socket goes with the first.
    pub(crate) fn share(&mut self) -> io::Result<Self> {
        let tcp = self
            .tcp
            .iter()
            .map(StdTcpListener::try_clone)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            tcp,
            addresses: Vec::new(),
            #[cfg(unix)]
            unix: self.unix.as_mut().map(unix::BoundPath::share).transpose()?,
        })
    }
}

/// Binds everything that the options name.
pub(crate) fn bind(options: &ListenOptions) -> io::Result<Bound> {
    if let Some(path) = &options.uds {
        #[cfg(unix)]
        return Ok(Bound {
            unix: Some(unix::bind(path, options.backlog)?),
            ..Bound::default()
        });
        #[cfg(not(unix))]
        return Err(io::Error::new(
            ErrorKind::Unsupported,
            format!("cannot listen on {}: no Unix sockets here", path.display()),
        ));
    }
    let wanted = resolve(&options.host, options.port)?;
    let tries = if options.port == 0 && wanted.len() > 1 {
        PORT_TRIES
    } else {
        1
    };
    let mut result = bind_all(&wanted, options.backlog);
    for _ in 1..tries {
        match &result {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                result = bind_all(&wanted, options.backlog);
            }
            _ => break,
        }
    }
    result
}

/// Every address that `host` means, without duplicates, in the resolver's order.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.is_empty() {
        return Ok(vec![
            SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port),
            SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
        ]);
    }
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let found = (name, port).to_socket_addrs().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {host}:{port}: {error}"),
        )
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(io::Error::new(
            ErrorKind::NotFound,
            format!("cannot listen on {host}:{port}: the name has no address"),
        ));
    }
    Ok(addresses)
}

/// All addresses with one port. A family that this machine does not have is left out, unless it is the only one.
fn bind_all(wanted: &[SocketAddr], backlog: u32) -> io::Result<Bound> {
    let mut bound = Bound::default();
    let mut missing = None;
    for &address in wanted {
        let mut address = address;
        if let (0, Some(first)) = (address.port(), bound.addresses.first()) {
            address.set_port(first.port());
        }
        match bind_one(address, backlog).and_then(|listener| {
            let local = listener.local_addr()?;
            Ok((listener, local))
        }) {
            Ok((listener, local)) => {
                bound.tcp.push(listener);
                bound.addresses.push(local);
            }
            Err(error) => {
                let error =
                    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
                if wanted.len() == 1 || !is_absent(&error) {
                    return Err(error);
                }
                missing = Some(error);
            }
        }
    }
    match missing {
        Some(error) if bound.tcp.is_empty() => Err(error),
        _ => Ok(bound),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
    )
}

fn bind_one(address: SocketAddr, backlog: u32) -> io::Result<StdTcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows the option would let two servers share a port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(host: &str, port: u16) -> ListenOptions {
        ListenOptions {
            host: host.to_owned(),
            port,
            ..ListenOptions::default()
        }
    }

    #[test]
    fn port_zero_is_replaced_by_the_port_that_was_given() {
        let bound = bind(&options("127.0.0.1", 0)).unwrap();
        assert_eq!(bound.addresses.len(), 1);
        assert_ne!(bound.addresses[0].port(), 0);
        assert!(bound.addresses[0].ip().is_loopback());
    }

    #[test]
    fn all_addresses_of_a_name_share_one_port() {
        let bound = bind(&options("", 0)).unwrap();
        assert!(!bound.addresses.is_empty());
        let port = bound.addresses[0].port();
        assert!(bound.addresses.iter().all(|address| address.port() == port));
        assert_eq!(bound.tcp.len(), bound.addresses.len());
    }

    #[test]
    fn a_name_gives_only_its_own_addresses() {
        let bound = bind(&options("localhost", 0)).unwrap();
        assert!(
            bound
                .addresses
                .iter()
                .all(|address| address.ip().is_loopback())
        );
    }

    #[test]
    fn an_ipv6_address_may_stand_in_brackets() {
        let addresses = resolve("[::1]", 3000).unwrap();
        assert_eq!(addresses, ["[::1]:3000".parse().unwrap()]);
        assert_eq!(resolve("::1", 3000).unwrap(), addresses);
    }

    #[test]
    fn a_busy_port_is_an_error_that_names_the_address() {
        let first = bind(&options("127.0.0.1", 0)).unwrap();
        let port = first.addresses[0].port();
        let error = bind(&options("127.0.0.1", port)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(
            error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_an_error() {
        let error = bind(&options("192.0.2.1", 0)).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:0"), "{error}");
    }

    #[test]
    fn a_name_that_no_one_has_is_an_error() {
        let error = bind(&options("no such host", 3000)).unwrap_err();
        assert!(error.to_string().contains("no such host:3000"), "{error}");
    }
}

//! Ports that nobody listens on. Somebody may be quicker: whoever takes one must be ready to try
//! another.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// An address of this machine with a free port, below those that the system gives to outgoing
/// connections.
pub(super) fn free() -> SocketAddr {
    loop {
        let port = 10_000 + (uuid::Uuid::new_v4().as_u128() % 20_000) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

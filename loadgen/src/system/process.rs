//! Which process of this machine listens at an address.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use crate::transport::Address;

/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Flags of a listening socket in `/proc/net/unix`.
const ACCEPTS: &str = "00010000";

/// The process that listens at `address`; `None` when it is on another machine or belongs to
/// another user.
pub(crate) fn listening_process(address: &Address) -> Option<u32> {
    let inodes: Vec<String> = match address {
        Address::Network(address) if !is_local(*address) => return None,
        Address::Network(address) => ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .flat_map(|table| listeners(&table, *address))
            .collect(),
        Address::Unix(path) => unix_listeners(&fs::read_to_string("/proc/net/unix").ok()?, path),
    };
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .find(|process| holds(*process, &links))
}

/// Inodes of the sockets that listen at `path`, which the kernel prints as it was bound.
fn unix_listeners(table: &str, path: &Path) -> Vec<String> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (flags, inode) = (fields.get(3)?, fields.get(6)?);
            let bound = Path::new(fields.get(7)?);
            (*flags == ACCEPTS && bound == path).then(|| (*inode).to_owned())
        })
        .collect()
}

/// Whether packets to `address` stay on this machine: then they also come from it.
fn is_local(address: SocketAddr) -> bool {
    if address.ip().is_loopback() {
        return true;
    }
    let unspecified: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // Connecting a UDP socket sends nothing; it only asks for the route.
    let route = UdpSocket::bind(unspecified).and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    route.is_ok_and(|local| local.ip() == address.ip())
}

/// Inodes of the sockets that listen at `address` or at any address with its port.
fn listeners(table: &str, address: SocketAddr) -> Vec<String> {
    let matches = |local: &str| {
        let (ip, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let ip = parse_ip(ip)?;
        Some(port == address.port() && (ip.is_unspecified() || ip == address.ip()))
    };
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            (*state == LISTEN && matches(local)?).then(|| (*inode).to_owned())
        })
        .collect()
}

/// An address as the kernel prints it: words of 32 bits in the machine's byte order.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = text.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for index in 0..4 {
                bytes[index * 4..index * 4 + 4].copy_from_slice(&word(index)?);
            }
            let address = Ipv6Addr::from(bytes);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

fn holds(process: u32, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|link| links.iter().any(|wanted| link.as_os_str() == wanted.as_str()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_process_is_found_by_its_listener() {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let process = listening_process(&Address::Network(target));
            assert_eq!(process, Some(std::process::id()));
        }
    }

    #[test]
    fn this_process_is_found_by_its_unix_socket() {
        let name = format!("kelvin-loadgen-{}.socket", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let process = listening_process(&Address::Unix(path.clone()));
        drop(listener);
        fs::remove_file(path).unwrap();
        assert_eq!(process, Some(std::process::id()));
    }

    #[test]
    fn a_free_port_belongs_to_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(listening_process(&Address::Network(address)), None);
    }

    #[test]
    fn another_machine_has_no_process_here() {
        let address = Address::Network("192.0.2.1:1883".parse().unwrap());
        assert_eq!(listening_process(&address), None);
    }
}

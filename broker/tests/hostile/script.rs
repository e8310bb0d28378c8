//! What one hostile connection sends.

use fastrand::Rng;

use crate::packets::Example;
use crate::{mutation, packets, packets_v5};

/// One connection's bytes and manners, all from its number.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) number: u64,
    /// What the MQTT of it is.
    pub(crate) bytes: Vec<u8>,
    /// Pieces in which it is sent.
    pub(crate) pieces: usize,
    /// Whether it goes over a WebSocket, and what is wrong there.
    pub(crate) web_socket: Option<Frames>,
    pub(crate) end: End,
    /// Which of several addresses it comes from and goes to.
    pub(crate) address: u8,
}

/// How MQTT lies in WebSocket frames.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frames {
    /// In frames as they should be, wherever packets begin.
    Good,
    /// The bytes of the frames are mutated.
    Mutated(u64),
    /// There is no handshake: MQTT comes at once.
    NoHandshake,
}

/// How the Client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Ends its sending and reads until the broker closes.
    Read,
    /// Resets the connection, whatever is under way.
    Reset,
}

impl Script {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut random = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut session = session(number, &mut random);
        let other = self::session(number, &mut random).concat();
        // One of twenty is left as it is.
        let changes = if random.u8(..20) == 0 { 0 } else { random.usize(1..4) };
        for _ in 0..changes {
            match random.u8(..4) {
                0 => mutation::change_order(&mut session, &mut random),
                1 => {
                    let index = random.usize(..session.len().max(1));
                    if let Some(packet) = session.get_mut(index) {
                        mutation::change_length(packet, &mut random);
                    }
                }
                _ => {
                    let index = random.usize(..session.len().max(1));
                    if let Some(packet) = session.get_mut(index) {
                        mutation::change_bytes(packet, &other, &mut random);
                    }
                }
            }
        }
        let web_socket = match random.u8(..64) {
            0..=3 => Some(Frames::Good),
            4..=6 => Some(Frames::Mutated(random.u64(..))),
            7 => Some(Frames::NoHandshake),
            _ => None,
        };
        Self {
            number,
            bytes: session.concat(),
            pieces: if random.u8(..8) == 0 { random.usize(2..8) } else { 1 },
            web_socket,
            end: if random.u8(..4) == 0 { End::Reset } else { End::Read },
            address: random.u8(..),
        }
    }
}

/// A CONNECT, then packets that a Server accepts, of one version and in any order.
fn session(number: u64, random: &mut Rng) -> Vec<Vec<u8>> {
    let of_5_0 = random.bool();
    let good = |example: &Example| example.outcome.is_ok();
    let (connects, rest): (Vec<_>, Vec<_>) = if of_5_0 {
        packets_v5::all().filter(good).partition(|example| example.bytes[0] == 0x10)
    } else {
        packets::all().filter(good).partition(|example| example.bytes[0] == 0x10)
    };
    let mut session = vec![match random.u8(..3) {
        0 => random.choice(&connects).map(|example| example.bytes.to_vec()).unwrap_or_default(),
        _ => connect(number % 64, of_5_0, random),
    }];
    for _ in 0..random.usize(1..9) {
        session.extend(random.choice(&rest).map(|example| example.bytes.to_vec()));
    }
    session
}

/// A CONNECT of one of 64 Clients, of any version, with or without Will and properties.
fn connect(client: u64, of_5_0: bool, random: &mut Rng) -> Vec<u8> {
    let (name, level) = match (of_5_0, random.u8(..4)) {
        (true, _) => (&b"\x00\x04MQTT"[..], 5),
        (false, 0) => (&b"\x00\x06MQIsdp"[..], 3),
        (false, _) => (&b"\x00\x04MQTT"[..], 4),
    };
    let will = random.u8(..4) == 0;
    let flags = 2 | if will { 4 | random.u8(..3) << 3 | random.u8(..2) << 5 } else { 0 };
    let mut body = [name, &[level, flags, 0, 30]].concat();
    if of_5_0 {
        // Session Expiry Interval of two seconds, Receive Maximum, Maximum Packet Size, aliases.
        body.extend_from_slice(
            b"\x10\x11\x00\x00\x00\x02\x21\x00\x05\x27\x00\x00\x08\x00\x22\x00\x05",
        );
    }
    let identifier = format!("hostile-{client}");
    body.extend_from_slice(&[0, u8::try_from(identifier.len()).unwrap_or_default()]);
    body.extend_from_slice(identifier.as_bytes());
    if will {
        if of_5_0 {
            body.extend_from_slice(b"\x0c\x18\x00\x00\x00\x01\x26\x00\x01k\x00\x01v");
        }
        body.extend_from_slice(b"\x00\x09hostile/w\x00\x04gone");
    }
    let mut packet = vec![0x10, u8::try_from(body.len()).unwrap_or_default()];
    packet.extend(body);
    packet
}

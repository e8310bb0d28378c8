//! Changes to a sequence of packets.

use fastrand::Rng;

/// Changes packets as wholes: one is left out, comes twice, or changes its place.
pub(crate) fn change_order(packets: &mut Vec<Vec<u8>>, random: &mut Rng) {
    if packets.is_empty() {
        return;
    }
    let index = random.usize(..packets.len());
    match random.u8(..4) {
        0 => {
            packets.remove(index);
        }
        1 => packets.insert(random.usize(..=packets.len()), packets[index].clone()),
        2 => packets.swap(0, index),
        _ => random.shuffle(packets),
    }
}

/// Changes bytes, wherever packets begin and end; `other` is a stream to take a part of.
pub(crate) fn change_bytes(bytes: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = random.usize(..bytes.len());
    match random.u8(..8) {
        0 | 1 => bytes[at] ^= 1 << random.u8(..8),
        2 => bytes[at] = random.u8(..),
        3 => bytes.truncate(at),
        4 => {
            let noise: Vec<u8> = (0..random.usize(1..20)).map(|_| random.u8(..)).collect();
            bytes.splice(at..at, noise);
        }
        5 => {
            let end = bytes.len().min(at + random.usize(1..20));
            bytes.drain(at..end);
        }
        6 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
        _ => bytes[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap_or(&0),
    }
}

/// Changes a length: a Remaining Length or that of a string, by one, to nothing, or to much.
pub(crate) fn change_length(packet: &mut [u8], random: &mut Rng) {
    let index = if random.bool() { 1 } else { random.usize(..packet.len().max(1)) };
    let Some(byte) = packet.get_mut(index) else { return };
    *byte = match random.u8(..5) {
        0 => byte.wrapping_add(1),
        1 => byte.wrapping_sub(1),
        2 => 0,
        3 => 0x7f,
        _ => 0xff,
    };
}

//! As much of a Control Packet as has to be looked at to pass it on.

/// A Control Packet of MQTT 3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    /// All of it.
    pub(crate) bytes: &'a [u8],
    /// What follows the fixed header.
    pub(crate) body: &'a [u8],
}

/// What is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Publish {
        qos: u8,
    },
    PubRec,
    PubRel,
    Subscribe,
    PingReq,
    /// Needs no answer.
    Other,
}

impl<'a> Frame<'a> {
    /// The first one of `bytes`, when all of it is there.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let (mut length, mut header) = (0, 1);
        loop {
            let byte = *bytes.get(header)?;
            length |= usize::from(byte & 0x7f) << (7 * (header - 1));
            header += 1;
            // A fifth byte of length is nobody's; it is taken for the end.
            if byte & 0x80 == 0 || header > 4 {
                break;
            }
        }
        let kind = match bytes[0] >> 4 {
            1 => Kind::Connect,
            3 => Kind::Publish { qos: bytes[0] >> 1 & 3 },
            5 => Kind::PubRec,
            6 => Kind::PubRel,
            8 => Kind::Subscribe,
            12 => Kind::PingReq,
            _ => Kind::Other,
        };
        let bytes = bytes.get(..header + length)?;
        Some(Self { kind, bytes, body: &bytes[header..] })
    }
}

/// The Topic Name of the body of a PUBLISH, and what follows it.
pub(crate) fn topic_of(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = body.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The first Topic Filter of the body of a SUBSCRIBE.
pub(crate) fn filter_of(body: &[u8]) -> Option<&[u8]> {
    topic_of(body.get(2..)?).map(|(filter, _)| filter)
}

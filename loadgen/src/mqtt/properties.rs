//! Properties of MQTT 5, section 2.2.2, walked where they lie.

/// Property identifiers that this crate looks for.
pub(super) const CORRELATION_DATA: u8 = 0x09;
pub(super) const REASON_STRING: u8 = 0x1f;
pub(super) const TOPIC_ALIAS: u8 = 0x23;

/// The properties of one packet: what is left of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Properties<'a> {
    rest: &'a [u8],
}

/// The properties did not end where a property does, or one is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Properties<'a> {
    /// Takes the Property Length and the properties from the front of `bytes`; answers what follows
    /// them too. `None` when they run past the end.
    #[inline]
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        // Most packets have none.
        if let [0, rest @ ..] = bytes {
            return Some((Self { rest: &[] }, rest));
        }
        let (length, bytes) = variable_byte_integer(bytes)?;
        let (rest, after) = bytes.split_at_checked(length)?;
        Some((Self { rest }, after))
    }

    /// The first property with this identifier, as text; an empty one when there is none.
    pub(super) fn text(mut self, wanted: u8) -> Result<&'a str, Malformed> {
        let mut found = "";
        while let Some((identifier, value)) = self.next()? {
            if identifier == wanted {
                found = std::str::from_utf8(value).map_err(|_| Malformed)?;
            }
        }
        Ok(found)
    }

    /// The next one: identifier and value, the latter without the length of a string.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, Malformed> {
        let Some((&identifier, bytes)) = self.rest.split_first() else {
            return Ok(None);
        };
        let (value, rest) = split_value(identifier, bytes).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Some((identifier, value)))
    }
}

/// Value and what follows it.
#[inline]
fn split_value(identifier: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    match identifier {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => bytes.split_at_checked(1),
        0x13 | 0x21..=TOPIC_ALIAS => bytes.split_at_checked(2),
        0x02 | 0x11 | 0x18 | 0x27 => bytes.split_at_checked(4),
        0x03 | 0x08 | CORRELATION_DATA | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | REASON_STRING => {
            string(bytes)
        }
        0x0b => {
            let (_, rest) = variable_byte_integer(bytes)?;
            bytes.split_at_checked(bytes.len() - rest.len())
        }
        0x26 => {
            let (_, rest) = string(bytes)?;
            let (_, rest) = string(rest)?;
            bytes.split_at_checked(bytes.len() - rest.len())
        }
        _ => None,
    }
}

/// Whether a PUBLISH may carry this property, section 3.3.2.3.
pub(super) fn is_of_publish(identifier: u8) -> bool {
    matches!(identifier, 0x01..=0x03 | 0x08 | CORRELATION_DATA | 0x0b | TOPIC_ALIAS | 0x26)
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Section 1.5.5: seven bits a byte, the least significant first, at most four bytes.
fn variable_byte_integer(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = bytes.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at_checked(length)?;
    let value = digits.iter().rev().fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
        let (mut properties, rest) = Properties::split(bytes)?;
        assert_eq!(rest, b"rest");
        let mut all = Vec::new();
        loop {
            match properties.next() {
                Ok(Some(property)) => all.push(property),
                Ok(None) => return Some(all),
                Err(Malformed) => return None,
            }
        }
    }

    #[test]
    fn each_kind_of_value_is_stepped_over() {
        assert_eq!(all(b"\x00rest"), Some(vec![]));
        let bytes = b"\x1b\x01\x01\x02\0\0\0\x09\x23\0\x07\x09\0\x02ab\x0b\x81\x01\x26\0\x01n\0\x01v\x0b\x02rest";
        let expected: Vec<(u8, &[u8])> = vec![
            (0x01, b"\x01"),
            (0x02, b"\0\0\0\x09"),
            (TOPIC_ALIAS, b"\0\x07"),
            (CORRELATION_DATA, b"ab"),
            (0x0b, b"\x81\x01"),
            (0x26, b"\0\x01n\0\x01v"),
            (0x0b, b"\x02"),
        ];
        assert_eq!(all(bytes), Some(expected));
    }

    #[test]
    fn what_runs_past_its_end_is_malformed() {
        assert_eq!(all(b"\x01\x02rest"), None, "a property past the Property Length");
        assert_eq!(all(b"\x03\x09\0\x09rest"), None, "a string past it");
        assert_eq!(all(b"\x02\x7f\x00rest"), None, "an unknown property");
        assert!(Properties::split(b"\x05\x01").is_none(), "properties past the packet");
        assert!(Properties::split(b"\xff\xff\xff\xff\x01").is_none());
        assert!(Properties::split(b"").is_none());
    }
}

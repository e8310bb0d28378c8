//! Whom a certificate names. rustls has checked it before; only its subject is read here.

/// Tag of a SEQUENCE, X.690.
const SEQUENCE: u8 = 0x30;
/// Tag of a SET.
const SET: u8 = 0x31;
/// Tag of an OBJECT IDENTIFIER.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// Tag of the optional version at the front of a certificate, RFC 5280 section 4.1.
const VERSION: u8 = 0xa0;
/// `id-at-commonName`, 2.5.4.3, RFC 5280 appendix A.1.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// Tags of `UTF8String`, `PrintableString`, `TeletexString` and `IA5String`. Read as UTF-8, which
/// all but the third are; a name with other characters in that one is none.
const STRINGS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// The last common name in the subject of a certificate in DER: the most specific one.
pub(super) fn common_name(certificate: &[u8]) -> Option<&str> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        fields = any_element(fields)?.2;
    }
    let (mut subject, _) = element(fields, SEQUENCE)?;
    let mut found = None;
    while !subject.is_empty() {
        let (mut set, rest) = element(subject, SET)?;
        subject = rest;
        while !set.is_empty() {
            let (attribute, rest) = element(set, SEQUENCE)?;
            set = rest;
            found = attribute_name(attribute).or(found);
        }
    }
    found
}

/// The value of an attribute if it is a common name.
fn attribute_name(attribute: &[u8]) -> Option<&str> {
    let (kind, value) = element(attribute, OBJECT_IDENTIFIER)?;
    let (tag, value, _) = any_element(value)?;
    let is_name = kind == COMMON_NAME && STRINGS.contains(&tag);
    std::str::from_utf8(value).ok().filter(|name| is_name && !name.is_empty())
}

/// The content of the element at the front if it has this tag, and what follows it.
fn element(bytes: &[u8], expected: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any_element(bytes)?;
    (tag == expected).then_some((content, rest))
}

/// Tag and content of the element at the front, and what follows it.
fn any_element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            parameters.distinguished_name.push(kind.clone(), *name);
        }
        let key = KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_found_among_others() {
        let long = "sensor".repeat(40);
        for name in ["sensor-1", "Fühler", &long] {
            let certificate = certificate(&[
                (DnType::OrganizationName, "works"),
                (DnType::CommonName, name),
                (DnType::CountryName, "DE"),
            ]);
            assert_eq!(common_name(&certificate), Some(name));
        }
    }

    #[test]
    fn a_certificate_may_name_nobody() {
        assert_eq!(common_name(&certificate(&[])), None);
        assert_eq!(common_name(&certificate(&[(DnType::OrganizationName, "works")])), None);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = certificate(&[(DnType::CommonName, "sensor-1")]);
        for length in 0..whole.len() {
            assert_eq!(common_name(&whole[..length]), None);
        }
        for index in 0..whole.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.clone();
                changed[index] = byte;
                let name = common_name(&changed);
                assert!(name.is_none_or(|name| name.len() < whole.len()));
            }
        }
    }
}

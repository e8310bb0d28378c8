//! Texts with placeholders: `%i`, `%c`, `%u`, `%rand_N`.

use std::fmt;

/// The most values of one `%rand_N`.
const RANDOM_MAX: u32 = 1_000_000;

/// The number of a client in its group.
pub(crate) const NUMBER: &str = "%i";

/// A text in which each client has its own names and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `%i`: the number of the client in its group.
    Number,
    /// `%c`: the Client Identifier.
    Identifier,
    /// `%u`: the User Name.
    User,
    /// `%rand_N`: 0 to N - 1.
    Random(u32),
}

/// What a client puts in the place of the placeholders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// For `%i`.
    pub number: u32,
    /// For `%c`.
    pub identifier: &'a str,
    /// For `%u`.
    pub user: &'a str,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A `%` that begins nothing.
    #[error(
        "`{0}` is no placeholder; there are %i (number in the group), %c (Client Identifier), %u \
         (User Name), %rand_N (0 to N - 1), and %% for a percent sign"
    )]
    Unknown(String),
    /// A `%rand_N` without values or with too many.
    #[error("`{0}` is out of range; write %rand_1 to %rand_{RANDOM_MAX}")]
    Random(String),
}

/// A text that was typed where a `%` may well be meant, as in a password: the pattern in which it stands for itself.
///
/// Only `%i`, `%c`, `%u` and `%rand_N` are placeholders there; `%%i` is a `%i` that is meant, and likewise for the others.
pub(super) fn typed(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        pattern.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_known =
            |text: &str| placeholder(text).ok().map(|(_, after)| text.len() - after.len());
        let kept = match (is_known(rest), rest.strip_prefix('%').and_then(is_known)) {
            (Some(length), _) => length,
            (None, Some(length)) => 1 + length,
            (None, None) => {
                pattern.push('%');
                1
            }
        };
        pattern.push_str(&rest[..kept]);
        rest = &rest[kept..];
    }
    pattern + rest
}

impl Pattern {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                plain.push('%');
                rest = after;
                continue;
            }
            let (part, after) = placeholder(rest)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts: parts.into() })
    }

    /// Whether it is the empty text.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it is the same for all clients of a group.
    pub(crate) fn is_common(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether only `%rand_N` are in it.
    pub(crate) fn is_common_but_random(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_) | Part::Random(_)))
    }

    /// Whether `%i` is in it.
    pub(crate) fn has_number(&self) -> bool {
        self.parts.contains(&Part::Number)
    }

    /// Whether `%c` is in it.
    pub(crate) fn has_identifier(&self) -> bool {
        self.parts.contains(&Part::Identifier)
    }

    /// Whether `%u` is in it.
    pub(crate) fn has_user(&self) -> bool {
        self.parts.contains(&Part::User)
    }

    /// In how many ways the `%rand_N` can come out; saturates.
    pub(crate) fn variants(&self) -> u64 {
        self.parts.iter().fold(1, |product: u64, part| match part {
            Part::Random(count) => product.saturating_mul(u64::from(*count)),
            _ => product,
        })
    }

    /// Whether a `%rand_N` is in it.
    pub(crate) fn has_random(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Random(_)))
    }

    /// Bytes of the longest text that it makes.
    pub(crate) fn bytes_max(&self, names_bytes_max: usize) -> usize {
        let part = |part: &Part| match part {
            Part::Text(text) => text.len(),
            // Numbers of clients have seven digits at most, as those below 1,000,000 have six.
            Part::Number | Part::Random(_) => 7,
            Part::Identifier | Part::User => names_bytes_max,
        };
        self.parts.iter().map(part).sum()
    }

    /// The text of a client. `variant` says how the `%rand_N` come out, below
    /// [`Pattern::variants`].
    pub(crate) fn expand(&self, names: Names<'_>, mut variant: u64) -> String {
        let mut text = String::with_capacity(self.text.len() + 8);
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Number => text.push_str(&names.number.to_string()),
                Part::Identifier => text.push_str(names.identifier),
                Part::User => text.push_str(names.user),
                Part::Random(count) => {
                    text.push_str(&(variant % u64::from(*count)).to_string());
                    variant /= u64::from(*count);
                }
            }
        }
        text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(formatter)
    }
}

/// The placeholder at the front of `text`, and what follows it.
fn placeholder(text: &str) -> Result<(Part, &str), PatternError> {
    const RANDOM: &str = "%rand_";
    if let Some(after) = text.strip_prefix(RANDOM) {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = after.split_at(digits);
        return match number.parse() {
            Ok(count) if (1..=RANDOM_MAX).contains(&count) => Ok((Part::Random(count), after)),
            _ => Err(PatternError::Random(format!("{RANDOM}{number}"))),
        };
    }
    for (name, part) in [(NUMBER, Part::Number), ("%c", Part::Identifier), ("%u", Part::User)] {
        if let Some(after) = text.strip_prefix(name) {
            return Ok((part, after));
        }
    }
    let end = text.char_indices().skip(1).find(|(_, character)| !character.is_alphanumeric());
    let end = end.map_or(text.len(), |(at, _)| at.max(1));
    Err(PatternError::Unknown(text[..end].to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: Names<'static> = Names { number: 7, identifier: "c7", user: "ada" };

    fn expand(text: &str, variant: u64) -> String {
        Pattern::parse(text).unwrap().expand(NAMES, variant)
    }

    #[test]
    fn a_password_that_is_typed_stands_for_itself() {
        let names = Names { number: 7, identifier: "id", user: "me" };
        for (typed_text, expected) in [
            ("secret", "secret"),
            ("100%", "100%"),
            ("50%%off%x%", "50%%off%x%"),
            ("%i-%u-%c", "7-me-id"),
            ("%%i", "%i"),
            ("%%%i", "%%i"),
            ("%%rand_3%rand_", "%rand_3%rand_"),
            ("é%é", "é%é"),
        ] {
            let pattern = Pattern::parse(&typed(typed_text)).unwrap();
            assert_eq!(pattern.expand(names, 0), expected, "{typed_text}");
        }
    }

    #[test]
    fn each_placeholder_stands_for_its_name() {
        assert_eq!(expand("a/%i/%c/%u/100%%", 0), "a/7/c7/ada/100%");
        assert_eq!(expand("%i%i", 0), "77");
        assert_eq!(expand("", 0), "");
        assert_eq!(expand("%%i", 0), "%i");
    }

    #[test]
    fn random_numbers_come_out_in_every_combination() {
        let pattern = Pattern::parse("%rand_2/%rand_3").unwrap();
        assert_eq!(pattern.variants(), 6);
        let mut all: Vec<_> = (0..6).map(|variant| pattern.expand(NAMES, variant)).collect();
        all.sort();
        assert_eq!(all, ["0/0", "0/1", "0/2", "1/0", "1/1", "1/2"]);
        assert!(pattern.has_random() && !Pattern::parse("a").unwrap().has_random());
    }

    #[test]
    fn anything_else_after_a_percent_sign_is_an_error_that_lists_them() {
        let fault = |text: &str| Pattern::parse(text).unwrap_err();
        assert_eq!(fault("a/%x"), PatternError::Unknown("%x".into()));
        assert_eq!(fault("a/%number/b"), PatternError::Unknown("%number".into()));
        assert_eq!(fault("100%"), PatternError::Unknown("%".into()));
        assert_eq!(fault("%/"), PatternError::Unknown("%".into()));
        assert_eq!(fault("%rand_0"), PatternError::Random("%rand_0".into()));
        assert_eq!(fault("%rand_x"), PatternError::Random("%rand_".into()));
        assert_eq!(fault("%rand_9999999999"), PatternError::Random("%rand_9999999999".into()));
        assert!(fault("%x").to_string().contains("%i (number in the group)"));
    }

    #[test]
    fn it_is_known_what_makes_clients_differ() {
        let pattern = |text: &str| Pattern::parse(text).unwrap();
        assert!(pattern("a%%b").is_common());
        assert!(!pattern("%rand_4").is_common());
        assert!(pattern("a/%rand_4").is_common_but_random());
        assert!(!pattern("a/%u").is_common_but_random());
        assert!(pattern("a%i").has_number() && !pattern("a%c").has_number());
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error(text in "[%aicurnd_0-9/é]{0,12}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let longest = pattern.bytes_max(3);
                prop_assert!(pattern.expand(NAMES, 0).len() <= longest);
            }
        }
    }
}

//! The command line without what nobody else may read.

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Long options whose value is a secret. A user name may be one: some services take a token for it.
const LONG: [&str; 2] = ["--user", "--password"];

/// The same, short.
const SHORT: [char; 2] = ['u', 'P'];

/// Short options without a value, after which others may follow in the same word.
const SHORT_FLAGS: [char; 1] = ['r'];

/// A line that a shell reads as these words, but for secrets.
pub fn command_line(words: impl IntoIterator<Item = String>) -> String {
    let words = redacted(words);
    let line = shlex::Quoter::new().allow_nul(true).join(words.iter().map(String::as_str));
    // NUL alone could have been refused, and it is allowed.
    line.unwrap_or_else(|_nul| words.join(" "))
}

/// The words of a command line, with the values of `--user` and `--password` hidden.
pub fn redacted(words: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut words = words.into_iter();
    let mut shown = Vec::new();
    while let Some(word) = words.next() {
        match secret(&word) {
            Secret::None => shown.push(word),
            Secret::Within(name) => shown.push(format!("{name}{HIDDEN}")),
            Secret::Next => {
                shown.push(word);
                if words.next().is_some() {
                    shown.push(HIDDEN.to_owned());
                }
            }
        }
    }
    shown
}

/// Where a word has a secret.
enum Secret<'a> {
    None,
    /// After this.
    Within(&'a str),
    /// It is the next word.
    Next,
}

fn secret(word: &str) -> Secret<'_> {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, _)) if LONG.contains(&name) => Secret::Within(&word[..=name.len()]),
            None if LONG.contains(&word) => Secret::Next,
            _ => Secret::None,
        };
    }
    let Some(options) = word.strip_prefix('-') else {
        return Secret::None;
    };
    let Some(place) = options.find(|option| !SHORT_FLAGS.contains(&option)) else {
        return Secret::None;
    };
    let rest = &options[place..];
    if !rest.starts_with(SHORT) {
        return Secret::None;
    }
    if rest.len() == 1 { Secret::Next } else { Secret::Within(&word[..place + 2]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        redacted(line.split(' ').map(str::to_owned)).join(" ")
    }

    #[test]
    fn users_and_passwords_are_hidden_however_they_are_typed() {
        assert_eq!(shown("loadgen -u me -P secret -c 4"), "loadgen -u *** -P *** -c 4");
        assert_eq!(shown("loadgen --user me --password=a=b"), "loadgen --user *** --password=***");
        assert_eq!(shown("loadgen -Psecret -rusecret"), "loadgen -P*** -ru***");
        assert_eq!(shown("loadgen -rP secret"), "loadgen -rP ***");
        assert_eq!(shown("loadgen -P=s -c 2"), "loadgen -P*** -c 2");
        assert_eq!(shown("loadgen -P"), "loadgen -P");
    }

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        let words = ["loadgen", "--threshold", "delivery:p(99)<50ms", "-t", "a b", "-P", "x"];
        let line = command_line(words.map(str::to_owned));
        let read = shlex::split(&line).unwrap();
        assert_eq!(
            read,
            ["loadgen", "--threshold", "delivery:p(99)<50ms", "-t", "a b", "-P", "***"]
        );
        assert!(line.starts_with("loadgen --threshold '"), "{line}");
    }

    #[test]
    fn everything_else_stays() {
        let line = "loadgen -p 1883 --topic password -t -P5 --user-property a=b -V 5 - -- x";
        let expected = "loadgen -p 1883 --topic password -t -P*** --user-property a=b -V 5 - -- x";
        assert_eq!(shown(line), expected);
    }
}

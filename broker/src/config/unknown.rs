//! Keys that are not settings, with the setting that was probably meant.

use toml::de::{DeTable, DeValue};

use super::Config;

/// Least likeness, from 0 to 1, of a key that is suggested.
const LIKENESS_MIN: f64 = 0.7;

/// A key that is no setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// The first line is 1.
    pub(super) line: usize,
    /// With the names of the sections it is in.
    pub(super) key: String,
    /// The end of a sentence, empty when nothing is like it.
    pub(super) hint: String,
}

/// The first unknown key of a text.
pub(super) fn find(text: &str) -> Result<Option<Unknown>, toml::de::Error> {
    let found = DeTable::parse(text)?;
    // It serializes: a test sees to that. Without it the types refuse unknown keys, less kindly.
    let Ok(known) = toml::Table::try_from(Config::complete()) else {
        return Ok(None);
    };
    let mut first: Option<(usize, String)> = None;
    collect(found.get_ref(), &known, "", &mut |at, key| {
        if first.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
            first = Some((at, key));
        }
    });
    Ok(first.map(|(at, key)| Unknown {
        line: 1 + text.get(..at).unwrap_or_default().matches('\n').count(),
        hint: hint(&key, &known),
        key,
    }))
}

fn collect(
    found: &DeTable<'_>,
    known: &toml::Table,
    prefix: &str,
    unknown: &mut impl FnMut(usize, String),
) {
    for (key, value) in found {
        let name = key.get_ref();
        match (known.get(&**name), value.get_ref()) {
            (None, _) => unknown(key.span().start, format!("{prefix}{name}")),
            (Some(toml::Value::Table(known)), DeValue::Table(found)) => {
                collect(found, known, &format!("{prefix}{name}."), unknown);
            }
            _ => {}
        }
    }
}

/// Names the setting whose name is most like this, wherever it is.
fn hint(key: &str, known: &toml::Table) -> String {
    let mut names = Vec::new();
    for (name, value) in known {
        names.push(name.clone());
        if let toml::Value::Table(section) = value {
            names.extend(section.keys().map(|key| format!("{name}.{key}")));
        }
    }
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |name: &str| {
        let whole = strsim::jaro_winkler(key, name);
        whole.max(strsim::jaro_winkler(&last(key), &last(name)))
    };
    let best = names
        .iter()
        .map(|name| (likeness(name), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    match best {
        Some((_, name)) => match name.split_once('.') {
            Some((section, key)) => format!("; did you mean `{key}` in [{section}]?"),
            None => format!("; did you mean `{name}`?"),
        },
        None => String::new(),
    }
}

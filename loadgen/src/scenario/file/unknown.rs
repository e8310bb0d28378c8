//! Keys that no scenario has, with the key that was probably meant.

use toml::de::{DeTable, DeValue};

use super::File;

/// Least likeness, from 0 to 1, of a key that is suggested.
const LIKENESS_MIN: f64 = 0.7;

/// An unknown key and where it is.
struct Unknown {
    at: usize,
    sentence: String,
}

/// A sentence about the first unknown key of a text, if there is one.
pub(super) fn find(text: &str) -> Result<Option<String>, toml::de::Error> {
    let found = DeTable::parse(text)?;
    // It serializes: a test sees to that. Without it the types refuse unknown keys, less kindly.
    let Ok(known) = toml::Table::try_from(File::complete()) else {
        return Ok(None);
    };
    let mut first: Option<Unknown> = None;
    collect(found.get_ref(), &known, "", &mut |unknown| {
        if first.as_ref().is_none_or(|earlier| unknown.at < earlier.at) {
            first = Some(unknown);
        }
    });
    Ok(first.map(|Unknown { at, sentence }| {
        let line = 1 + text.get(..at).unwrap_or_default().matches('\n').count();
        format!("line {line}: {sentence}")
    }))
}

fn collect(
    found: &DeTable<'_>,
    known: &toml::Table,
    prefix: &str,
    unknown: &mut impl FnMut(Unknown),
) {
    for (key, value) in found {
        let name = key.get_ref();
        let Some(known_value) = known.get(&**name) else {
            let sentence = format!("unknown key `{prefix}{name}`{}", hint(name, known));
            unknown(Unknown { at: key.span().start, sentence });
            continue;
        };
        let prefix = format!("{prefix}{name}.");
        // Of an array of tables the complete scenario has one, which stands for all.
        let known = match known_value {
            toml::Value::Array(values) => values.first(),
            value => Some(value),
        };
        let Some(toml::Value::Table(known)) = known else {
            continue;
        };
        match value.get_ref() {
            DeValue::Table(table) => collect(table, known, &prefix, unknown),
            DeValue::Array(values) => {
                for value in values {
                    if let DeValue::Table(table) = value.get_ref() {
                        collect(table, known, &prefix, unknown);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Names the key of this table that is most like it, or all of them.
fn hint(key: &str, known: &toml::Table) -> String {
    let best = known
        .keys()
        .map(|name| (strsim::jaro_winkler(key, name), name))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    if let Some((_, name)) = best {
        format!("; did you mean `{name}`?")
    } else {
        let names: Vec<_> = known.keys().map(|name| format!("`{name}`")).collect();
        format!("; here are {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_was_meant() {
        for (text, expected) in [
            ("durration = '3s'", "line 1: unknown key `durration`; did you mean `duration`?"),
            (
                "[[group]]\n[[group]]\n\nkeepalive = 3",
                "line 4: unknown key `group.keepalive`; did you mean `keep_alive`?",
            ),
            (
                "[[group]]\npublish = [{ topic = 'a', quos = 1 }]",
                "line 2: unknown key `group.publish.quos`; did you mean `qos`?",
            ),
            (
                "[[group]]\nchurn = { zzz = 1 }",
                "line 2: unknown key `group.churn.zzz`; here are `away`, `end`, `stay`",
            ),
        ] {
            assert_eq!(find(text).unwrap().as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_key_of_a_complete_scenario_is_unknown() {
        assert_eq!(find(&File::complete().record()).unwrap(), None);
    }
}

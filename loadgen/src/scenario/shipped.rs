//! The scenarios that come with the binary.

use super::{File, ScenarioError};

/// A scenario and its file.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// What `--scenario` calls it.
    pub name: &'static str,
    /// The file, comments included.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        /// All of them, the simplest first.
        pub const SHIPPED: &[Shipped] = &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        }),+];
    };
}

shipped![
    "temperature",
    "fan-in",
    "fan-out",
    "pairs",
    "mostly-idle",
    "connect-storm",
    "churn",
    "reconnect-storm",
    "persistent-sessions",
    "slow-consumers",
    "retained-flood",
    "shared-group",
    "wills",
    "mixed-city",
];

/// The one with this name.
pub fn shipped(name: &str) -> Result<Shipped, ScenarioError> {
    SHIPPED
        .iter()
        .find(|scenario| scenario.name == name)
        .copied()
        .ok_or_else(|| ScenarioError::NoScenario { name: name.to_owned(), hint: hint(name) })
}

/// The name that is most like this, or all of them.
fn hint(name: &str) -> String {
    let likeness = |scenario: &&Shipped| strsim::jaro_winkler(name, scenario.name);
    let best = SHIPPED.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best {
        Some(best) if likeness(&best) >= 0.7 => format!("did you mean {}?", best.name),
        _ => "`loadgen scenarios` lists those that there are".to_owned(),
    }
}

/// A line for each.
pub fn list() -> String {
    let lines = SHIPPED.iter().map(|scenario| {
        let description =
            File::parse(scenario.text).map_or_else(|error| error, |file| file.description);
        format!("{:<20} {description}\n", scenario.name)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_line_that_fits_a_terminal() {
        let list = list();
        assert_eq!(list.lines().count(), SHIPPED.len());
        for line in list.lines() {
            assert!((30..=100).contains(&line.chars().count()), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_the_nearest() {
        let error = shipped("temprature").map(drop).unwrap_err().to_string();
        assert!(error.contains("did you mean temperature?"), "{error}");
        let error = shipped("xyz").map(drop).unwrap_err().to_string();
        assert!(error.contains("loadgen scenarios"), "{error}");
    }
}

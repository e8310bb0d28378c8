//! What callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::{BTreeMap, HashMap};

/// The instructions of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// All of them.
    pub(crate) instructions: u64,
    /// By function, without those that it calls.
    pub(crate) functions: BTreeMap<String, u64>,
}

/// Reads one dump. `None` when it is none, or has no summary.
pub(crate) fn parse(text: &str) -> Option<Profile> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut profile = Profile::default();
    let mut summary = None;
    let mut function = "";
    let mut is_call = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("fn=") {
            function = name(rest, &mut names);
        } else if let Some(rest) = line.strip_prefix("cfn=") {
            name(rest, &mut names);
        } else if line.starts_with("calls=") {
            // The line that follows holds what the called function cost, which it has a line of its own for.
            is_call = true;
        } else if let Some(rest) = line.strip_prefix("summary:") {
            summary = rest.trim().parse().ok();
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut is_call) {
                *profile.functions.entry(function.to_owned()).or_default() += cost.unwrap_or(0);
            }
        }
    }
    profile.functions.retain(|_, cost| *cost > 0);
    summary.map(|instructions| Profile { instructions, ..profile })
}

/// Reads `(number) name` or `(number)` for a name that was told before.
fn name<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) if number.starts_with('(') => {
            names.insert(number, name);
            name
        }
        Some(_) => text,
        None => names.get(text).copied().unwrap_or(text),
    }
}

/// The functions that changed most, those that cost more first: name, instructions before and after.
pub(crate) fn differences(base: &Profile, new: &Profile, most: usize) -> Vec<(String, u64, u64)> {
    let of = |profile: &Profile, name: &str| profile.functions.get(name).copied().unwrap_or(0);
    let mut rows: Vec<_> = base
        .functions
        .keys()
        .chain(new.functions.keys().filter(|name| !base.functions.contains_key(*name)))
        .map(|name| (name.clone(), of(base, name), of(new, name)))
        .filter(|(_, base, new)| base != new)
        .collect();
    rows.sort_by_key(|(_, base, new)| std::cmp::Reverse(base.abs_diff(*new)));
    rows.truncate(most);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "# callgrind format\nversion: 1\nevents: Ir\nsummary: 175\n\nob=(1) /bin/x\nfl=(1) a.rs\n\
        fn=(1) alpha\n15 100\n+1 5\nfi=(2) b.rs\n* 20\ncfn=(2) beta\ncalls=3 10\n+2 50\n\nfn=(2)\n10 40\n-3 10\n";

    #[test]
    fn costs_belong_to_the_function_that_has_them_and_not_to_its_callers() {
        let profile = parse(DUMP).unwrap();
        assert_eq!(profile.instructions, 175);
        let functions: Vec<_> = profile.functions.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        assert_eq!(functions, [("alpha", 125), ("beta", 50)]);
        assert_eq!(profile.functions.values().sum::<u64>(), profile.instructions);
    }

    #[test]
    fn what_is_no_dump_is_no_profile() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("valgrind: no such file"), None);
    }

    #[test]
    fn the_greatest_change_comes_first() {
        let base = parse(DUMP).unwrap();
        let mut new = base.clone();
        new.functions.insert("beta".into(), 90);
        new.functions.insert("gamma".into(), 7);
        assert_eq!(differences(&base, &new, 10), [("beta".into(), 50, 90), ("gamma".into(), 0, 7)]);
        assert_eq!(differences(&base, &new, 1).len(), 1);
    }
}

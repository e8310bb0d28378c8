//! What flags mean in a scenario that a file describes.

use super::ScenarioError;
use super::file::{Bytes, File, GroupFile, Text, Time};
use super::pattern::typed;
use crate::cli::{Cli, PayloadKind};
use crate::rate::Rate;
use crate::units::fraction;

/// Lets what was typed replace what is written.
pub(super) fn apply(file: &mut File, cli: &Cli) -> Result<(), ScenarioError> {
    let time = |time: Option<std::time::Duration>| time.map(|time| Text(Time(time)));
    replace(&mut file.warmup, time(cli.time.warmup));
    replace(&mut file.duration, time(cli.time.duration));
    replace(&mut file.drain, time(cli.time.drain));
    replace(&mut file.connect_rate, cli.clients.connect_rate);
    replace(&mut file.threads, cli.clients.threads);
    replace(&mut file.seed, cli.messages.seed);
    if let Some(clients) = cli.clients.clients {
        scale_clients(&mut file.groups, clients)?;
    }
    if let Some(rate) = cli.messages.rate {
        scale_rates(&mut file.groups, rate)?;
    }
    for group in &mut file.groups {
        group_keys(group, cli);
    }
    Ok(())
}

fn replace<T>(written: &mut Option<T>, typed: Option<T>) {
    if typed.is_some() {
        *written = typed;
    }
}

fn group_keys(group: &mut GroupFile, cli: &Cli) {
    let (connection, messages) = (&cli.connection, &cli.messages);
    replace(&mut group.version, connection.mqtt_version.map(Text));
    replace(&mut group.user, connection.user.as_deref().map(typed));
    replace(&mut group.password, connection.password.as_deref().map(typed));
    replace(&mut group.keep_alive, connection.keepalive);
    replace(&mut group.session_expiry, connection.session_expiry);
    let clean = match (connection.clean, connection.no_clean) {
        (false, false) => None,
        (clean, _) => Some(clean),
    };
    replace(&mut group.clean, clean);
    replace(&mut group.inflight, messages.inflight);
    replace(&mut group.topic_alias, messages.topic_alias.then_some(true));
    for subscription in &mut group.subscribe {
        subscription.qos = messages.sub_qos.unwrap_or(subscription.qos);
    }
    for publication in &mut group.publish {
        publication.qos = messages.qos.unwrap_or(publication.qos);
        publication.retain = match (messages.retain, messages.no_retain) {
            (false, false) => publication.retain,
            (retain, _) => retain,
        };
        replace(&mut publication.window, messages.window);
        let has_size = publication.template.is_none()
            && publication.file.is_none()
            && publication.payload != Some(PayloadKind::Plain);
        if has_size {
            replace(&mut publication.size, messages.size.map(|size| Text(Bytes(size))));
        }
    }
}

/// So many clients in all, in the same proportions. A group of one client stays one: it is the one
/// end of a fan-in or fan-out.
fn scale_clients(groups: &mut [GroupFile], clients: u32) -> Result<(), ScenarioError> {
    let ones = groups.iter().filter(|group| group.clients == 1).count();
    let many = groups.len() - ones;
    let fixed = u32::try_from(ones).unwrap_or(u32::MAX);
    let too_few = ScenarioError::TooFewForGroups { clients, groups: groups.len() };
    let free = clients.checked_sub(fixed).ok_or_else(|| too_few.clone())?;
    if (free as usize) < many {
        return Err(too_few);
    }
    if many == 0 {
        return match free {
            0 => Ok(()),
            _ => Err(ScenarioError::AllOnes { clients }),
        };
    }
    let mut left_before: u64 =
        groups.iter().map(|group| u64::from(group.clients)).filter(|clients| *clients > 1).sum();
    let mut left = u64::from(free);
    let mut groups_left = many as u64;
    for group in groups.iter_mut().filter(|group| group.clients > 1) {
        // Each gets its share of what is left, and leaves one at least to each that follows.
        let before = u64::from(group.clients);
        let share = (left * before + left_before / 2) / left_before;
        groups_left -= 1;
        let share = share.clamp(1, left - groups_left);
        group.clients = u32::try_from(share).unwrap_or(u32::MAX);
        left -= share;
        left_before -= before;
    }
    Ok(())
}

/// A period or a frequency per client is that of every client; a total is divided as before.
fn scale_rates(groups: &mut [GroupFile], rate: Rate) -> Result<(), ScenarioError> {
    let total = match rate {
        Rate::Period(_) | Rate::PerClient(_) | Rate::Max => None,
        Rate::Total(total) => {
            let mut before = 0.0;
            for group in groups.iter() {
                for entry in &group.publish {
                    before += per_second(group.clients, entry.rate)?;
                }
            }
            Some((total, before))
        }
    };
    for group in groups {
        for entry in &mut group.publish {
            let rate = match total {
                None => rate,
                Some((total, before)) => {
                    let share = per_second(group.clients, entry.rate)? / before;
                    Rate::Total(total * share)
                }
            };
            entry.rate = Some(Text(rate));
        }
    }
    Ok(())
}

/// Publications per second that `clients` have together.
fn per_second(clients: u32, rate: Option<Text<Rate>>) -> Result<f64, ScenarioError> {
    // A closed loop has no share in a total: it is taken for what is published when nothing is said.
    let rate = rate.map(|rate| rate.0).filter(|rate| *rate != Rate::Max);
    let rate = rate.unwrap_or(Rate::Period(std::time::Duration::from_secs(3)));
    let period_ns = rate.period_ns(clients.max(1))?;
    Ok(f64::from(clients) * 1e9 / fraction(period_ns.max(1)))
}

/// Clients of all groups.
pub(super) fn clients(groups: &[GroupFile]) -> u64 {
    groups.iter().map(|group| u64::from(group.clients)).sum()
}

/// A rate to three digits, so that a divided one reads well.
#[cfg(test)]
fn rounded(rate: Option<Text<Rate>>) -> Option<u64> {
    match rate?.0 {
        Rate::Total(total) => Some(crate::units::nearest(total * 1000.0)),
        Rate::Period(_) | Rate::PerClient(_) | Rate::Max => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    fn groups(clients: &[u32]) -> Vec<GroupFile> {
        let group = |clients: &u32| GroupFile { clients: *clients, ..GroupFile::default() };
        clients.iter().map(group).collect()
    }

    fn scaled(before: &[u32], clients: u32) -> Result<Vec<u32>, ScenarioError> {
        let mut groups = groups(before);
        scale_clients(&mut groups, clients)?;
        Ok(groups.iter().map(|group| group.clients).collect())
    }

    #[test]
    fn groups_keep_their_proportions_and_single_clients() {
        assert_eq!(scaled(&[50, 50], 5000), Ok(vec![2500, 2500]));
        assert_eq!(scaled(&[1000, 1], 11), Ok(vec![10, 1]));
        assert_eq!(scaled(&[100, 10, 1], 4), Ok(vec![2, 1, 1]));
        assert_eq!(scaled(&[1, 1], 2), Ok(vec![1, 1]));
        assert!(matches!(scaled(&[1, 1], 3), Err(ScenarioError::AllOnes { .. })));
        assert!(matches!(scaled(&[5, 5, 5], 2), Err(ScenarioError::TooFewForGroups { .. })));
    }

    fn applied(text: &str, flags: &str) -> File {
        let mut file = File::parse(text).unwrap();
        let words = ["loadgen"].into_iter().chain(flags.split_whitespace());
        apply(&mut file, &Cli::parse_from(words)).unwrap();
        file
    }

    const TWO: &str = "seed = 5\n[[group]]\nclients = 10\npublish = [{ topic = 'a', rate = '1s' }]\n\
                       [[group]]\nclients = 20\n\
                       publish = [{ topic = 'b', rate = '30/s', template = 'x' }]";

    #[test]
    fn a_total_is_divided_as_before() {
        let file = applied(TWO, "--rate 400/s");
        assert_eq!(rounded(file.groups[0].publish[0].rate), Some(100_000));
        assert_eq!(rounded(file.groups[1].publish[0].rate), Some(300_000));
        let file = applied(TWO, "--rate 2s");
        assert!(file.groups.iter().all(|group| group.publish[0].rate
            == Some(Text(Rate::Period(std::time::Duration::from_secs(2))))));
    }

    #[test]
    fn flags_replace_what_is_written_and_leave_the_rest() {
        let before = applied(TWO, "");
        assert_eq!(before, File::parse(TWO).unwrap());
        let file = applied(TWO, "-d 2s --warmup 0s --qos 1 --retain -V 5 -k 9 --size 64 -c 3");
        assert_eq!(file.seed, Some(5));
        assert_eq!(file.duration.map(|time| time.0.ns()), Some(2_000_000_000));
        assert_eq!(clients(&file.groups), 3);
        for group in &file.groups {
            assert_eq!(group.keep_alive, Some(9));
            assert!(group.publish[0].retain && group.publish[0].qos == 1);
        }
        assert_eq!(file.groups[0].publish[0].size, Some(Text(Bytes(64))));
        assert_eq!(file.groups[1].publish[0].size, None, "a template has its own size");
    }

    proptest! {
        #[test]
        fn scaling_gives_exactly_so_many(
            before in proptest::collection::vec(1..500_u32, 1..8), clients in 1..2000_u32,
        ) {
            if let Ok(after) = scaled(&before, clients) {
                prop_assert_eq!(after.iter().sum::<u32>(), clients);
                prop_assert!(after.iter().all(|clients| *clients > 0));
            }
        }
    }
}

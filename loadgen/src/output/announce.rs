//! The plan in words, before the run: so that nobody starts ten times the load that was meant.

use crate::payload::StampPlace;
use crate::plan::Plan;
use crate::rate::Rate;
use crate::scenario::{Group, Scenario, Target};
use crate::transport::{Address, Scheme};
use crate::units::{counted, grouped, nearest, seconds};

/// Everything that follows from the scenario, a few lines.
pub(crate) fn announcement(scenario: &Scenario, plan: &Plan, address: &Address) -> String {
    let overview = &scenario.overview;
    let broker = match &scenario.target {
        Target::Embedded { shards } => {
            format!("embedded broker ({}) on {address}", counted(u64::from(*shards), "thread"))
        }
        Target::External(endpoint) if endpoint.scheme == Scheme::Unix => endpoint.to_string(),
        Target::External(endpoint) => format!("{endpoint} ({address})"),
    };
    let blind = match overview.stamp_place {
        StampPlace::Nowhere => {
            "\nplain payloads before MQTT 5 have no stamp: deliveries are only counted"
        }
        StampPlace::Payload | StampPlace::Correlation | StampPlace::Mixed => "",
    };
    let topic = match overview.topic.as_str() {
        "" => String::new(),
        topic => format!(" topic {topic},"),
    };
    let groups = match scenario.groups.len() {
        0..=2 if scenario.groups.iter().all(|group| group.endpoint.is_none()) => String::new(),
        _ => groups(scenario),
    };
    format!(
        "{} publishers and {} subscribers, {},{topic} MQTT {}, {broker}\n\
         {groups}{}\n\
         {} of warm-up, {} measured{blind}",
        grouped(u64::from(overview.publishers)),
        grouped(u64::from(overview.subscribers)),
        scenario.title,
        overview.protocol,
        rates(scenario, plan),
        duration(scenario.warmup_ns),
        duration(scenario.duration_ns),
    )
}

/// A line for each group, where there are more than publishers and subscribers.
fn groups(scenario: &Scenario) -> String {
    let line = |group: &Group| {
        let clients = grouped(u64::from(group.clients));
        let mut parts = vec![format!("  {}: {clients} clients", group.name)];
        if !group.publish.is_empty() {
            parts.push(format!("{} publications/s", decimal(group.publications_per_second())));
        }
        let filters = group.subscribe.iter().map(|subscription| subscription.filter.to_string());
        let filters: Vec<_> = filters.collect();
        if !filters.is_empty() {
            parts.push(format!("subscribed to {}", filters.join(" and ")));
        }
        if let Some(door) = &group.endpoint {
            parts.push(format!("at {door}"));
        }
        if !group.stays() {
            parts.push("not there all the time".to_owned());
        }
        parts.join(", ") + "\n"
    };
    scenario.groups.iter().map(line).collect()
}

/// The rate as typed and in its other reading, and what follows from it.
fn rates(scenario: &Scenario, plan: &Plan) -> String {
    let total = scenario.publications_per_second();
    let deliveries = plan.deliveries_per_second();
    if let Some(window) = scenario.overview.window {
        return format!(
            "--rate max: a closed loop, in which each publisher has {} publications on their way at most",
            grouped(u64::from(window))
        );
    }
    let follows = format!(
        "all together {}/s; {} deliveries/s, {} B/s of payload",
        decimal(total),
        decimal(deliveries),
        decimal(plan.payload_bytes_per_second()),
    );
    let Some(rate) = scenario.overview.rate else {
        return follows;
    };
    let period_ns = scenario.overview.period_ns.max(1);
    let each = 1e9 / crate::units::fraction(period_ns);
    let period = humantime::format_duration(std::time::Duration::from_nanos(period_ns));
    let meaning = match rate {
        Rate::Period(_) => "a period per publisher",
        Rate::Total(_) => "the total over all publishers",
        Rate::PerClient(_) => "per publisher",
        Rate::Max => "a closed loop",
    };
    format!(
        "--rate {rate} ({meaning}): each publishes every {period} ({}/s), {follows}",
        decimal(each)
    )
}

/// Three significant digits at least, thousands grouped.
pub(super) fn decimal(value: f64) -> String {
    if value >= 100.0 {
        grouped(nearest(value))
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

fn duration(duration_ns: u64) -> String {
    format!("{} s", seconds(duration_ns))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn announced(arguments: &str) -> String {
        let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        let scenario = std::sync::Arc::new(Scenario::resolve(&cli, String::new()).unwrap());
        let plan = Plan::new(&scenario, *b"abc").unwrap();
        let address = Address::Network("127.0.0.1:1883".parse().unwrap());
        announcement(&scenario, &plan, &address)
    }

    #[test]
    fn both_readings_of_the_rate_and_the_deliveries_are_told() {
        let text = announced("--clients 5000 --rate 3s");
        assert!(text.contains("2,500 publishers and 2,500 subscribers, shared"), "{text}");
        assert!(text.contains("every 3s (0.333/s), all together 833/s"), "{text}");
        assert!(text.contains("2,083,333 deliveries/s"), "{text}");

        let text = announced("--topology pairs --clients 20 --rate 200000/s -h 127.0.0.1");
        assert!(text.contains("the total over all publishers"), "{text}");
        assert!(text.contains("every 50us (20,000/s), all together 200,000/s"), "{text}");
        assert!(text.contains("200,000 deliveries/s, 6,600,000 B/s"), "{text}");
    }

    #[test]
    fn the_version_is_told_and_that_plain_payloads_are_only_counted() {
        let text = announced("--clients 4 -V 5 --payload plain");
        assert!(text.contains(", MQTT 5, "), "{text}");
        assert!(!text.contains("only counted"), "{text}");
        assert!(announced("--clients 4 --payload plain").ends_with("are only counted"));
    }

    #[test]
    fn each_of_many_groups_has_a_line() {
        let text = announced("--scenario mixed-city");
        assert!(text.contains("\n  buses: 100 clients, 220 publications/s\n"), "{text}");
        assert!(text.contains("subscribed to city/lamps/%i and city/lamps/all\n"), "{text}");
        assert!(
            text.contains("phones: 100 clients, subscribed to city/buses/%rand_100, not"),
            "{text}"
        );
    }
}

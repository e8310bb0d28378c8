//! Numbers, topics, audiences and moments of whole scenarios.

use clap::Parser;
use proptest::prelude::*;

use super::Contract::{Open, Whole};
use super::*;
use crate::cli::Cli;

const TAG: RunTag = *b"abc";

fn plan(arguments: &str) -> Plan {
    let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
    let cli = Cli::try_parse_from(words).unwrap();
    Plan::new(&Arc::new(Scenario::resolve(&cli, String::new()).unwrap()), TAG).unwrap()
}

/// The plan of a file with these groups.
#[expect(clippy::unwrap_in_result, reason = "only the plan may fail")]
fn planned(groups: &str) -> Result<Plan, PlanError> {
    let path = std::env::temp_dir().join(format!(
        "kelvin-plan-{}-{:x}.toml",
        std::process::id(),
        groups.bytes().fold(0, |hash, byte| scramble(hash ^ u64::from(byte)))
    ));
    std::fs::write(&path, groups).unwrap();
    let cli = Cli::try_parse_from(["loadgen", "--scenario", path.to_str().unwrap()]).unwrap();
    let scenario = Scenario::resolve(&cli, String::new());
    std::fs::remove_file(&path).unwrap();
    Plan::new(&Arc::new(scenario.unwrap()), TAG)
}

/// The plan of a file that is right.
pub(crate) fn plan_of(groups: &str) -> Plan {
    planned(groups).unwrap()
}

fn plan_of_flags(arguments: &str) -> Plan {
    plan(arguments)
}

fn offset_ns(plan: &Plan, publisher: u32) -> u64 {
    plan.timing(0, publisher).first().due_ns
}

#[test]
fn publishers_are_spread_evenly_over_the_period() {
    let plan = plan("--clients 8 --rate 1s");
    let mut offsets: Vec<_> = (0..4).map(|publisher| offset_ns(&plan, publisher)).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 250_000_000, 500_000_000, 750_000_000]);
}

#[test]
fn the_order_is_of_the_seed() {
    let order = |arguments| {
        let plan = plan(arguments);
        (0..100).map(|publisher| offset_ns(&plan, publisher)).collect::<Vec<_>>()
    };
    assert_eq!(order("--clients 200 --seed 4"), order("--clients 200 --seed 4"));
    assert_ne!(order("--clients 200 --seed 4"), order("--clients 200 --seed 5"));
}

#[test]
fn topics_and_filters_belong_together() {
    let filter =
        |plan: &Plan, number| plan.topic_filter(plan.clients_of_group(1).start + number, 0);
    let shared = plan("--clients 10");
    assert_eq!(
        (shared.topic_name(3).as_str(), filter(&shared, 3).as_str()),
        ("temperature", "temperature")
    );
    assert_eq!((shared.owed(3), shared.audiences().len()), (5, 1));

    let pairs = plan("--topology pairs --clients 10 --topic t%i/x");
    assert_eq!((pairs.topic_name(3).as_str(), filter(&pairs, 3).as_str()), ("t3/x", "t3/x"));
    assert_eq!((pairs.owed(3), pairs.audiences().len()), (1, 5));
    assert_eq!(pairs.audience(3).unwrap().members[0].client, 5 + 3);

    let fan_in = plan("--topology fan-in --clients 10");
    assert_eq!(
        (fan_in.topic_name(8).as_str(), filter(&fan_in, 0).as_str()),
        ("temperature/8", "temperature/+")
    );
    assert_eq!((fan_in.owed(8), fan_in.audiences().len()), (1, 1));

    let fan_out = plan("--topology fan-out --clients 10 --topic x%i");
    assert_eq!((fan_out.topic_name(0).as_str(), filter(&fan_out, 5).as_str()), ("x0", "x0"));
    assert_eq!(fan_out.owed(0), 9);
}

#[test]
fn the_main_job_offers_25000_publications_in_30_seconds() {
    let plan = plan("--clients 5000 --rate 3s");
    let schedule = Schedule::new(77, 5_000_000_000, 30_000_000_000);
    let mut offered = Offered::new(&plan);
    let before = offered.before(&schedule, schedule.measure_ns);
    assert_eq!(offered.before(&schedule, schedule.end_ns) - before, 25_000);
    assert_eq!(offered.before(&schedule, u64::MAX) - before, 25_000, "nothing after the end");
    assert!((plan.deliveries_per_second() - 2_083_333.3).abs() < 1.0);
}

#[test]
fn workers_share_everybody_and_share_groups_stay_together() {
    let plan = plan("--publishers 7 --subscribers 5");
    let mut all: Vec<_> = (0..3).flat_map(|worker| plan.clients_of_worker(worker, 3)).collect();
    assert_eq!(plan.clients_of_worker(1, 3), [1, 4, 8, 11]);
    all.sort_unstable();
    assert_eq!(all, (0..12).collect::<Vec<_>>());

    let sharing = planned(
        "[[group]]\nname = 'a'\nclients = 4\nversion = 5\n\
         subscribe = [{ filter = 't', share = 's' }]\n\
         [[group]]\nname = 'b'\nclients = 2\npublish = [{ topic = 't' }]",
    );
    let sharing = sharing.unwrap();
    assert_eq!(sharing.clients_of_worker(0, 2), [0, 1, 2, 3, 4]);
    assert_eq!(sharing.clients_of_worker(1, 2), [5]);
    let audience = sharing.audience(0).unwrap();
    assert_eq!((audience.members.len(), audience.deliveries, audience.owed), (4, 1, 1));
}

const CITY: &str = "\
    [[group]]\nname = 'sensors'\nclients = 3\nidentifier = 'id%i'\nuser = 'u%c'\n\
    publish = [{ topic = 'a/%c/%u' }, { topic = 'b/%rand_2', qos = 1 }]\n\
    [[group]]\nname = 'all'\nclients = 2\n\
    subscribe = [{ filter = '#' }, { filter = 'b/+', qos = 1 }]\n\
    [[group]]\nname = 'guests'\nclients = 2\nchurn = {}\n\
    subscribe = [{ filter = 'b/0', qos = 1 }]\n\
    [[group]]\nname = 'kept'\nclients = 1\nclean = false\nchurn = {}\n\
    subscribe = [{ filter = 'b/0', qos = 1 }, { filter = 'a/#' }]";

#[test]
fn a_random_topic_is_several_streams() {
    let plan = planned(CITY).unwrap();
    assert_eq!((plan.streams(), plan.streams_of(1, 2)), (3 + 6, (7, 2)));
    let names: Vec<_> = (0..plan.streams()).map(|stream| plan.topic_name(stream)).collect();
    assert_eq!(
        names,
        ["a/id0/uid0", "a/id1/uid1", "a/id2/uid2", "b/0", "b/1", "b/0", "b/1", "b/0", "b/1"]
    );
}

#[test]
fn each_stream_knows_who_is_owed_and_what_can_be_judged() {
    let plan = planned(CITY).unwrap();
    let told = |stream| {
        let audience = plan.audience(stream).unwrap();
        let members = audience.members.iter();
        let members: Vec<_> =
            members.map(|member| (member.client, member.contract, member.may_repeat)).collect();
        (members, audience.owed)
    };
    // QoS 0 to a client that is away at times is owed nothing.
    assert_eq!(told(0), (vec![(3, Whole, false), (4, Whole, false), (7, Open, false)], 2));
    // Two filters of a client that match are one delivery at least.
    assert_eq!(told(4), (vec![(3, Whole, true), (4, Whole, true)], 2));
    assert_eq!(
        told(3),
        (
            vec![
                (3, Whole, true),
                (4, Whole, true),
                (5, Open, false),
                (6, Open, false),
                (7, Whole, true)
            ],
            3
        )
    );
    assert_eq!(plan.audiences().len(), 3);
}

#[test]
fn mqtt_3_8_4_6_what_is_owed_is_owed_at_the_lower_qos() {
    let plan = planned(CITY).unwrap();
    let owed_at = |stream| plan.audience(stream).unwrap().owed_at;
    assert_eq!(owed_at(0), [2, 0, 0]);
    assert_eq!(
        (owed_at(4), owed_at(3)),
        ([0, 2, 0], [0, 3, 0]),
        "the greatest of a client's filters"
    );
    let shared = planned(
        "[[group]]\nname = 'a'\nclients = 2\nversion = 5\n\
         subscribe = [{ filter = 't', share = 's', qos = 2 }]\n\
         [[group]]\nname = 'b'\nclients = 1\nversion = 5\n\
         subscribe = [{ filter = 't', share = 's', qos = 1 }]\n\
         [[group]]\nname = 'c'\nclients = 1\nsubscribe = [{ filter = 't', qos = 2 }]\n\
         [[group]]\nname = 'd'\nclients = 2\npublish = [{ topic = 't', qos = 2 }]",
    );
    let shared = shared.unwrap();
    let audience = shared.audience(0).unwrap();
    assert_eq!((audience.owed, audience.owed_at), (2, [0, 1, 1]), "the least of a share group");
}

#[test]
fn qos_1_may_repeat_itself_on_another_connection_whatever_the_subscription_asks_for() {
    let plan = planned(
        "[[group]]\nname = 'a'\nclients = 1\npublish = [{ topic = 't/1', qos = 1 }, { topic = 't/2', qos = 2 }]\n\
         [[group]]\nname = 'kept'\nclients = 1\nclean = false\nchurn = {}\n\
         subscribe = [{ filter = 't/+', qos = 2 }]",
    );
    let plan = plan.unwrap();
    let may_repeat = |stream| plan.audience(stream).unwrap().members[0].may_repeat;
    assert_eq!((may_repeat(0), may_repeat(1)), (true, false));
}

#[test]
fn clients_that_break_off_owe_nothing_but_their_timed_will() {
    let plan = planned(
        "[[group]]\nname = 'a'\nclients = 2\nchurn = { end = 'abort' }\n\
         will = { topic = 'w/%i' }\npublish = [{ topic = 'p' }]\n\
         [[group]]\nname = 'b'\nclients = 1\nsubscribe = [{ filter = '#' }]",
    );
    let plan = plan.unwrap();
    assert_eq!((plan.published_streams(), plan.streams()), (2, 4));
    assert_eq!((plan.will_stream(1), plan.will_stream(2)), (Some(3), None));
    assert_eq!((plan.owed(0), plan.owed(3)), (0, 1));
}

#[test]
fn what_the_ledger_cannot_tell_is_refused() {
    let twice = planned(
        "[[group]]\nname = 'a'\nclients = 1\nversion = 5\n\
         subscribe = [{ filter = 't', share = 's' }, { filter = 't' }]\n\
         publish = [{ topic = 't' }]",
    );
    assert_eq!(twice.map(drop), Err(PlanError::SharedTwice("a".into(), "t".into())));
    let many = planned(
        "[[group]]\nname = 'a'\nclients = 40000\npublish = [{ topic = 't/%i' }]\n\
         [[group]]\nname = 'b'\nclients = 40000\nsubscribe = [{ filter = '#' }]",
    );
    assert_eq!(many.map(drop), Err(PlanError::Pairs));
    let streams =
        planned("[[group]]\nname = 'a'\nclients = 40000\npublish = [{ topic = 't/%rand_1000' }]");
    assert!(matches!(streams, Err(PlanError::Streams(_))));
}

#[test]
fn names_are_short_and_different() {
    let plan = planned(CITY).unwrap();
    assert_eq!(
        plan.names(1),
        ClientNames { number: 1, identifier: "id1".into(), user: "uid1".into() }
    );
    assert_eq!(plan.names(4).identifier, "kelvin-abc-a-1");
    let plan = plan_of_flags("--clients 4");
    assert_eq!(plan.names(0).identifier, "kelvin-abc-p-0");
    assert_eq!(plan.names(3).identifier, "kelvin-abc-s-1");
}

#[test]
fn connections_come_as_the_group_says() {
    let offsets = |connect: &str| {
        let text = format!("[[group]]\nname = 'a'\nclients = 400\nconnect = {{ {connect} }}");
        planned(&text).unwrap().connect_offsets(0)
    };
    assert!(offsets("arrival = 'herd'").iter().all(|offset| *offset == 0));
    let spread = offsets("over = '4s'");
    assert_eq!((spread[0], spread[1], spread[399]), (0, 10_000_000, 3_990_000_000));
    assert_eq!(offsets("rate = 100"), spread);
    let poisson = offsets("arrival = 'poisson', rate = 100");
    assert!(poisson.is_sorted() && (3_200_000_000..4_800_000_000).contains(&poisson[399]));
}

proptest! {
    #[test]
    fn counting_by_formula_is_counting_one_by_one(
        start_ns in 0..1000_u64,
        offset_ns in 0..50_u64,
        period_ns in 1..60_u64,
        stop_ns in 0..2000_u64,
    ) {
        let schedule = Schedule::new(start_ns, 300, 500);
        let timing = Timing::new(offset_ns, period_ns, Steps::Even, None);
        let mut cursor = timing.first();
        let mut one_by_one = 0;
        while schedule.at(cursor.due_ns) < schedule.end_ns.min(stop_ns) {
            one_by_one += 1;
            cursor = timing.after(cursor);
        }
        prop_assert_eq!(Offered::of(vec![timing]).before(&schedule, stop_ns), one_by_one);
    }
}

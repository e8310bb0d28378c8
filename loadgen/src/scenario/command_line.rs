//! The scenario that the command line makes when it names none: publishers and subscribers.

use std::time::Duration;

use super::file::{Bytes, File, GroupFile, PublishFile, SubscribeFile, Text, Time, WillFile};
use super::pattern::{NUMBER, typed};
use super::sides::sides;
use super::{ScenarioError, TIME_MAX_NS};
use crate::cli::{Cli, PayloadKind, Topology};
use crate::mqtt::{TOPIC_BYTES_MAX, Version};
use crate::payload::PAYLOAD_BYTES_MIN;
use crate::rate::Rate;
use crate::units::nanoseconds;

/// How often when nothing is said.
const RATE: Rate = Rate::Period(Duration::from_secs(3));

/// QoS of the subscriptions when nothing is said.
const SUB_QOS: u8 = 1;

/// Payload at most: the Remaining Length field holds 256 MiB, the rest is the Topic Name.
pub(super) const PAYLOAD_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Characters that the number of a client takes beyond the two of `%i`, at most.
const NUMBER_GROWTH: usize = 5;

/// The scenario of this command line.
pub(super) fn file(cli: &Cli) -> Result<File, ScenarioError> {
    let topology = cli.clients.topology.unwrap_or(Topology::Shared);
    let (publishers, subscribers) = sides(cli)?;
    let topic = topic(cli, topology)?;
    check_times(cli, publishers)?;
    let common = common(cli)?;
    let publish = PublishFile {
        topic: topic.clone(),
        qos: cli.messages.qos.unwrap_or(0),
        retain: !cli.messages.no_retain,
        rate: Some(Text(cli.messages.rate.unwrap_or(RATE))),
        window: cli.messages.window,
        payload: Some(cli.messages.payload.unwrap_or(PayloadKind::Stamped)),
        size: size(cli)?,
        user_properties: user_properties(cli)?,
        ..PublishFile::default()
    };
    let subscribe = SubscribeFile {
        filter: match topology {
            Topology::Pairs => topic,
            // The one publisher is number 0.
            Topology::FanOut => topic.replace(NUMBER, "0"),
            Topology::Shared | Topology::FanIn => topic.replace(NUMBER, "+"),
        },
        qos: cli.messages.sub_qos.unwrap_or(SUB_QOS),
        share: None,
    };
    let group =
        |name: &str, clients| GroupFile { name: name.to_owned(), clients, ..common.clone() };
    let seconds = |time: Option<Duration>, default| {
        Some(Text(Time(time.unwrap_or_else(|| Duration::from_secs(default)))))
    };
    Ok(File {
        warmup: seconds(cli.time.warmup, super::WARMUP_SECONDS),
        duration: seconds(cli.time.duration, super::DURATION_SECONDS),
        drain: seconds(cli.time.drain, super::DRAIN_SECONDS),
        connect_rate: cli.clients.connect_rate,
        threads: cli.clients.threads,
        seed: cli.messages.seed,
        groups: vec![
            GroupFile { publish: vec![publish], ..group("publishers", publishers) },
            GroupFile {
                subscribe: vec![subscribe],
                inflight: None,
                ..group("subscribers", subscribers)
            },
        ],
        ..File::default()
    })
}

/// What publishers and subscribers have in common.
fn common(cli: &Cli) -> Result<GroupFile, ScenarioError> {
    let arguments = &cli.connection;
    let version = arguments.mqtt_version.unwrap_or(Version::V311);
    let is_old = version < Version::V5;
    if is_old && arguments.session_expiry.is_some() {
        return Err(ScenarioError::NeedsVersion5("--session-expiry"));
    }
    if is_old && cli.messages.topic_alias {
        return Err(ScenarioError::NeedsVersion5("--topic-alias"));
    }
    let user = login("user", arguments.user.as_deref())?;
    let password = login("password", arguments.password.as_deref())?;
    if is_old && user.is_none() && password.is_some() {
        return Err(ScenarioError::PasswordAlone);
    }
    if cli.messages.inflight.is_some() && cli.messages.qos.unwrap_or(0) == 0 {
        return Err(ScenarioError::InflightAtQos0);
    }
    Ok(GroupFile {
        version: Some(Text(version)),
        user,
        password,
        keep_alive: arguments.keepalive,
        clean: arguments.no_clean.then_some(false),
        session_expiry: arguments.session_expiry,
        inflight: cli.messages.inflight,
        topic_alias: cli.messages.topic_alias.then_some(true),
        will: will(cli)?,
        ..GroupFile::default()
    })
}

fn login(option: &'static str, text: Option<&str>) -> Result<Option<String>, ScenarioError> {
    match text {
        Some("") => Err(ScenarioError::Empty(option)),
        Some(text) => fitting(option, &typed(text)).map(Some),
        None => Ok(None),
    }
}

fn will(cli: &Cli) -> Result<Option<WillFile>, ScenarioError> {
    let arguments = &cli.connection;
    let Some(topic) = &arguments.will_topic else {
        return Ok(None);
    };
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(ScenarioError::WillTopic(topic.clone()));
    }
    let payload = arguments.will_payload.as_deref().unwrap_or_default();
    Ok(Some(WillFile {
        topic: fitting("will-topic", topic)?,
        payload: Some(fitting("will-payload", payload)?),
        qos: arguments.will_qos.unwrap_or(0),
        retain: arguments.will_retain,
    }))
}

fn user_properties(cli: &Cli) -> Result<Vec<(String, String)>, ScenarioError> {
    let properties = &cli.messages.user_property;
    let version = cli.connection.mqtt_version.unwrap_or(Version::V311);
    if !properties.is_empty() && version < Version::V5 {
        return Err(ScenarioError::NeedsVersion5("--user-property"));
    }
    properties
        .iter()
        .map(|property| {
            let (name, value) = property
                .split_once('=')
                .ok_or_else(|| ScenarioError::UserProperty(property.clone()))?;
            Ok((fitting("user-property", name)?, fitting("user-property", value)?))
        })
        .collect()
}

/// Detour: mqttbytes cuts lengths to 16 bits, so nothing longer may reach it.
fn fitting(option: &'static str, text: &str) -> Result<String, ScenarioError> {
    let bytes = text.len() + NUMBER_GROWTH * text.matches(NUMBER).count();
    if bytes > TOPIC_BYTES_MAX || text.contains('\0') {
        return Err(ScenarioError::Text(option));
    }
    Ok(text.to_owned())
}

fn topic(cli: &Cli, topology: Topology) -> Result<String, ScenarioError> {
    let Some(topic) = &cli.messages.topic else {
        return Ok(match topology {
            Topology::Shared | Topology::FanOut => "temperature".to_owned(),
            Topology::Pairs | Topology::FanIn => format!("temperature/{NUMBER}"),
        });
    };
    let fault = |reason| Err(ScenarioError::Topic { topic: topic.clone(), reason });
    // The number of a client takes at most seven digits in place of the two characters of %i.
    let bytes = topic.len() + NUMBER_GROWTH * topic.matches(NUMBER).count();
    if topic.is_empty() {
        return fault("it is empty");
    }
    if bytes > TOPIC_BYTES_MAX {
        return fault("it is longer than the 65,535 bytes that MQTT allows");
    }
    if topic.contains(['+', '#']) {
        return fault("it holds a wildcard; publications need plain topics, with %i for a number");
    }
    if topic.contains('\0') {
        return fault("it holds the character U+0000");
    }
    match topology {
        Topology::Pairs if !topic.contains(NUMBER) => Err(ScenarioError::PairsTopic(topic.clone())),
        Topology::Shared | Topology::FanIn if !whole_levels(topic) => {
            fault("%i must be a whole level, as in a/%i/b, so that + can stand for it")
        }
        _ => Ok(topic.clone()),
    }
}

/// Whether `%i` only occurs as a level of its own.
fn whole_levels(topic: &str) -> bool {
    topic.split('/').all(|level| level == NUMBER || !level.contains(NUMBER))
}

fn size(cli: &Cli) -> Result<Option<Text<Bytes>>, ScenarioError> {
    match cli.messages.size {
        Some(_) if cli.messages.payload == Some(PayloadKind::Plain) => {
            Err(ScenarioError::PlainSize)
        }
        None => Ok(None),
        Some(size) if size > PAYLOAD_BYTES_MAX => Err(ScenarioError::SizeTooLarge(size)),
        Some(size) => match usize::try_from(size) {
            Ok(bytes) if bytes >= PAYLOAD_BYTES_MIN => Ok(Some(Text(Bytes(size)))),
            _ => Err(ScenarioError::SizeTooSmall(size)),
        },
    }
}

fn check_times(cli: &Cli, publishers: u32) -> Result<(), ScenarioError> {
    let ns = |time: Option<Duration>, default| {
        nanoseconds(time.unwrap_or_else(|| Duration::from_secs(default)))
    };
    let warmup_ns = ns(cli.time.warmup, super::WARMUP_SECONDS);
    let duration_ns = ns(cli.time.duration, super::DURATION_SECONDS);
    super::check_times(warmup_ns, duration_ns, ns(cli.time.drain, super::DRAIN_SECONDS))?;
    debug_assert!(warmup_ns <= TIME_MAX_NS, "it was checked");
    let period_ns = cli.messages.rate.unwrap_or(RATE).period_ns(publishers)?;
    if period_ns > 0 && (warmup_ns + duration_ns) / period_ns + 1 > u64::from(u32::MAX) {
        return Err(ScenarioError::Sequences);
    }
    Ok(())
}

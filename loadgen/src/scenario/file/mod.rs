//! The format of a scenario: TOML, unknown keys refused.
//!
//! Whatever a run does comes from such a file: a shipped one, the user's, the one in `summary.json`,
//! or the one that the command line makes when it names none.

mod text;
mod unknown;

use serde::{Deserialize, Serialize};
pub use text::{Bytes, Moment, Text, Time};

use crate::cli::PayloadKind;
use crate::mqtt::Version;
use crate::rate::Rate;
use crate::transport::Scheme;

/// What stands in a record for a User Name or Password.
const REDACTED: &str = "***";

/// A scenario as it is written. What is left out has a default, said at each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// One line for the list of scenarios.
    pub description: String,
    /// URL of the broker; the embedded one when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Load before the measured part; 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Text<Time>>,
    /// The measured part; 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Text<Time>>,
    /// Wait for deliveries that are owed, at most; 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<Text<Time>>,
    /// Connections opened per second before the load; unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_rate: Option<f64>,
    /// Threads of the generator; 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u16>,
    /// Seed of everything that is random; 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The clients.
    #[serde(rename = "group")]
    pub groups: Vec<GroupFile>,
}

/// Clients that do the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupFile {
    /// A name of its own.
    pub name: String,
    /// How many.
    pub clients: u32,
    /// Client Identifier; one that this run alone uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Version of MQTT; 3.1.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text<Version>>,
    /// What is spoken to the broker below MQTT: `tcp`, `tls`, `ws`, `wss` or `unix`; as its URL says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Scheme>,
    /// Port on the broker's host; the usual one of `transport`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path of the WebSocket, `/mqtt`, or of the Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// User Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Keep Alive in seconds; 60, 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<u16>,
    /// Clean Session, or Clean Start; true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean: Option<bool>,
    /// Session Expiry Interval of MQTT 5 in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_expiry: Option<u32>,
    /// Unacknowledged publications of QoS 1 and 2 at most; 65535.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inflight: Option<u16>,
    /// Whether Topic Aliases are used and allowed; false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_alias: Option<bool>,
    /// Bytes per second that each client reads at most; unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate: Option<Text<Bytes>>,
    /// When its clients connect; before the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Text<Moment>>,
    /// When they leave; after the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Text<Moment>>,
    /// How they connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<ConnectFile>,
    /// That they come and go, each for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churn: Option<ChurnFile>,
    /// That they all go at once and come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storm: Option<StormFile>,
    /// Will Message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub will: Option<WillFile>,
    /// What each client publishes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PublishFile>,
    /// What each client subscribes to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<SubscribeFile>,
}

/// How the clients of a group connect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectFile {
    /// One after the other, at random, or all at once; `spread`.
    pub arrival: Meeting,
    /// Clients per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Or the time that all of them take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Text<Time>>,
}

/// When the clients of a group come, one beside the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meeting {
    /// At equal distances.
    #[default]
    Spread,
    /// At random distances (a Poisson process).
    Poisson,
    /// All at once.
    Herd,
}

/// Clients that come and go, each for itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChurnFile {
    /// How long each stays; 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stay: Option<Text<Time>>,
    /// How long it is away; 1 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<Text<Time>>,
    /// How it goes.
    pub end: Leave,
}

/// Clients that all go at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StormFile {
    /// When.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Text<Moment>>,
    /// How long they are away; no time at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<Text<Time>>,
    /// The time over which they come back, at random; all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_over: Option<Text<Time>>,
    /// How they go.
    pub end: Leave,
}

/// How a client goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leave {
    /// With DISCONNECT, once its publications are acknowledged.
    #[default]
    Disconnect,
    /// By closing the socket, so that the broker publishes the Will Message.
    Abort,
}

/// A Will Message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WillFile {
    /// Topic Name.
    pub topic: String,
    /// Payload; a stamp by which its arrival is timed, where the group leaves by `abort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// QoS; 0.
    pub qos: u8,
    /// RETAIN; false.
    pub retain: bool,
}

/// What a client publishes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishFile {
    /// Topic Name.
    pub topic: String,
    /// QoS; 0.
    pub qos: u8,
    /// RETAIN; false.
    pub retain: bool,
    /// How often: a period per client, a total of the group, a frequency per client, or `max` for a
    /// closed loop; 3 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Text<Rate>>,
    /// In a closed loop, publications of one client that may be on their way; 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// When, within the rate.
    pub arrival: Arrival,
    /// Publications of one burst; 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// What a payload is; stamped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<PayloadKind>,
    /// Payload size; the smallest that holds what it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Text<Bytes>>,
    /// The payload itself, with placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Or the file that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<std::path::PathBuf>,
    /// User Properties of MQTT 5, as `[["name", "value"]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// When publications are due, within their rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// At equal distances, the clients one after the other.
    #[default]
    Spread,
    /// At equal distances, all clients at once.
    Herd,
    /// At random distances (a Poisson process).
    Poisson,
    /// Several at once, then a longer pause.
    Burst,
}

/// What a client subscribes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubscribeFile {
    /// Topic Filter.
    pub filter: String,
    /// QoS; 0.
    pub qos: u8,
    /// Share Name: each message goes to one of its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
}

impl File {
    /// Reads a scenario; the error is a sentence with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(fault) = unknown::find(text).map_err(|error| error.to_string())? {
            return Err(fault);
        }
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What it takes to run it again, without User Names and Passwords.
    pub fn record(&self) -> String {
        let mut file = self.clone();
        for group in &mut file.groups {
            for secret in [&mut group.user, &mut group.password].into_iter().flatten() {
                REDACTED.clone_into(secret);
            }
        }
        match toml::to_string(&file) {
            Ok(text) => text,
            Err(error) => format!("# this scenario cannot be written: {error}\n"),
        }
    }

    /// Whether a User Name or Password was left out of the record that it comes from.
    pub(super) fn is_redacted(&self) -> bool {
        let mut secrets = self.groups.iter().flat_map(|group| [&group.user, &group.password]);
        secrets.any(|secret| secret.as_deref() == Some(REDACTED))
    }

    /// A scenario in which every key has a value, to know all of them.
    fn complete() -> Self {
        let time = Some(Text(Time(std::time::Duration::from_secs(1))));
        let moment = Some(Text(Moment::Percent(50.0)));
        let text = Some(String::new());
        Self {
            description: String::new(),
            broker: text.clone(),
            warmup: time,
            duration: time,
            drain: time,
            connect_rate: Some(1.0),
            threads: Some(1),
            seed: Some(1),
            groups: vec![GroupFile {
                name: String::new(),
                clients: 1,
                identifier: text.clone(),
                version: Some(Text(Version::V5)),
                transport: Some(Scheme::WebSocket),
                port: Some(1),
                path: text.clone(),
                user: text.clone(),
                password: text.clone(),
                keep_alive: Some(60),
                clean: Some(true),
                session_expiry: Some(1),
                inflight: Some(1),
                topic_alias: Some(true),
                read_rate: Some(Text(Bytes(1))),
                start: moment,
                stop: moment,
                connect: Some(ConnectFile {
                    rate: Some(1.0),
                    over: time,
                    ..ConnectFile::default()
                }),
                churn: Some(ChurnFile { stay: time, away: time, end: Leave::Abort }),
                storm: Some(StormFile {
                    at: moment.into_iter().collect(),
                    away: time,
                    back_over: time,
                    end: Leave::Abort,
                }),
                will: Some(WillFile { payload: text.clone(), ..WillFile::default() }),
                publish: vec![PublishFile {
                    rate: Some(Text(Rate::Total(1.0))),
                    window: Some(1),
                    burst: Some(1),
                    payload: Some(PayloadKind::Stamped),
                    size: Some(Text(Bytes(1))),
                    template: text.clone(),
                    file: Some(std::path::PathBuf::new()),
                    user_properties: vec![(String::new(), String::new())],
                    ..PublishFile::default()
                }],
                subscribe: vec![SubscribeFile { share: text, ..SubscribeFile::default() }],
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_reads_the_same() {
        let mut complete = File::complete();
        assert_eq!(File::parse(&complete.record()), {
            for group in &mut complete.groups {
                group.user = Some(REDACTED.to_owned());
                group.password = Some(REDACTED.to_owned());
            }
            Ok(complete.clone())
        });
        assert!(complete.is_redacted());
        assert_eq!(File::parse(&File::default().record()), Ok(File::default()));
    }

    #[test]
    fn values_that_are_wrong_are_named_with_their_line() {
        for (text, expected) in [
            ("duration = '3 parsecs'", "is not a time"),
            ("[[group]]\nstart = 'soon'", "25% (of it)"),
            ("[[group]]\n[[group.publish]]\nrate = 'fast'", "is not a rate"),
            ("[[group]]\n[[group.publish]]\narrival = 'sometimes'", "`poisson`"),
            ("[[group]]\nversion = 6", "3.1, 3.1.1 or 5"),
            ("seed = -1", "seed"),
            ("[[group]\n", "line 1"),
        ] {
            let error = File::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_may_stand_where_texts_do() {
        let file = File::parse("[[group]]\nversion = 5\nread_rate = 100").unwrap();
        assert_eq!(file.groups[0].version, Some(Text(Version::V5)));
        assert_eq!(file.groups[0].read_rate, Some(Text(Bytes(100))));
    }
}

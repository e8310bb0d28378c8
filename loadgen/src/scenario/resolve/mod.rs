//! From a group as it is written to what its clients do.

mod messages;
mod presence;
mod texts;

use messages::{publication, subscription};
use presence::{connecting, presence};
use texts::{Place, text, topic};

use super::fault::GroupError;
use super::file::{GroupFile, WillFile};
use super::{Connection, Group, Pattern, Will};
use crate::mqtt::{QoS, Version};
use crate::transport::{Endpoint, Scheme};

/// Keep Alive when nothing is said.
const KEEP_ALIVE_SECONDS: u16 = 60;

/// What a group has to know of its scenario.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// The broker of the scenario; `None` for the embedded one.
    pub broker: Option<Endpoint>,
    /// Load before the measured part.
    pub warmup_ns: u64,
    /// The measured part.
    pub duration_ns: u64,
    /// Whether every client speaks MQTT 5, so that a stamp can be a property.
    pub all_new: bool,
}

/// Resolved and checked; its label is left to the caller.
pub(super) fn group(file: &GroupFile, context: &Context) -> Result<Group, GroupError> {
    if file.name.is_empty() {
        return Err(GroupError::NoName);
    }
    if file.clients == 0 {
        return Err(GroupError::NoClients);
    }
    let version = file.version.map_or(Version::V311, |version| version.0);
    for (is_given, key) in [
        (file.session_expiry.is_some(), "session_expiry"),
        (file.topic_alias == Some(true), "topic_alias"),
        (file.subscribe.iter().any(|subscription| subscription.share.is_some()), "share"),
        (file.publish.iter().any(|entry| !entry.user_properties.is_empty()), "user_properties"),
    ] {
        if is_given && version < Version::V5 {
            return Err(GroupError::NeedsVersion5(key));
        }
    }
    for (is_zero, key) in [
        (file.inflight == Some(0), "inflight"),
        (file.read_rate.is_some_and(|rate| rate.0.0 == 0), "read_rate"),
    ] {
        if is_zero {
            return Err(GroupError::Zero(key));
        }
    }
    let entries = file.publish.iter();
    let publish = entries.map(|entry| publication(entry, file.clients, context));
    let publish: Vec<_> = publish.collect::<Result<_, _>>()?;
    let is_closed = publish.iter().any(|publication| publication.window.is_some());
    for (is_given, key) in [
        (file.start.is_some(), "start"),
        (file.stop.is_some(), "stop"),
        (file.churn.is_some(), "churn"),
        (file.storm.is_some(), "storm"),
    ] {
        if is_closed && is_given {
            return Err(GroupError::Both(key, "rate = \"max\""));
        }
    }
    Ok(Group {
        name: file.name.clone(),
        label: String::new(),
        clients: file.clients,
        identifier: identifier(file)?,
        version,
        endpoint: endpoint(file, context)?,
        connection: connection(file, version)?,
        inflight_max: file.inflight.unwrap_or(u16::MAX),
        topic_alias: file.topic_alias.unwrap_or(false),
        read_bytes_per_second: file.read_rate.map(|rate| rate.0.0),
        connect: connecting(file)?,
        presence: presence(file, context)?,
        publish,
        subscribe: file.subscribe.iter().map(subscription).collect::<Result<_, _>>()?,
    })
}

/// The door that a group takes, where it says so.
fn endpoint(file: &GroupFile, context: &Context) -> Result<Option<Endpoint>, GroupError> {
    let key = match (&file.transport, file.port, &file.path) {
        (None, None, None) => return Ok(None),
        (Some(_), ..) => "transport",
        (None, Some(_), _) => "port",
        (None, None, Some(_)) => "path",
    };
    let Some(broker) = &context.broker else {
        return Err(GroupError::OneDoor(key));
    };
    let scheme = file.transport.unwrap_or(broker.scheme);
    if scheme == Scheme::Unix && file.port.is_some() {
        return Err(GroupError::Door);
    }
    let door = broker.door(scheme, file.port, file.path.as_deref());
    door.map(Some).ok_or(GroupError::Door)
}

fn identifier(file: &GroupFile) -> Result<Option<Pattern>, GroupError> {
    let Some(written) = &file.identifier else {
        return Ok(None);
    };
    let pattern = text("identifier", written, Place::Identifier)?;
    if pattern.is_empty() {
        return Err(GroupError::Zero("identifier"));
    }
    if file.clients > 1 && !pattern.has_number() {
        return Err(GroupError::SameIdentifier(written.clone()));
    }
    let user = file.user.as_deref().map(|user| text("user", user, Place::User)).transpose()?;
    if pattern.has_user() && user.is_some_and(|user| user.has_identifier()) {
        let reason = "user has %c in it, so that each would stand for the other";
        return Err(GroupError::Placeholder { key: "identifier", placeholder: "%u", reason });
    }
    Ok(Some(pattern))
}

fn connection(file: &GroupFile, version: Version) -> Result<Connection, GroupError> {
    let login = |key, written: &Option<String>, place| match written.as_deref() {
        Some("") => Err(GroupError::Zero(key)),
        written => text(key, written.unwrap_or_default(), place),
    };
    let user = login("user", &file.user, Place::User)?;
    let password = login("password", &file.password, Place::Any)?;
    if version < Version::V5 && user.is_empty() && !password.is_empty() {
        return Err(GroupError::PasswordAlone);
    }
    Ok(Connection {
        user,
        password,
        clean: file.clean.unwrap_or(true),
        session_expiry_seconds: file.session_expiry,
        keep_alive_seconds: file.keep_alive.unwrap_or(KEEP_ALIVE_SECONDS),
        will: file.will.as_ref().map(will).transpose()?,
    })
}

fn will(file: &WillFile) -> Result<Will, GroupError> {
    let payload = file.payload.as_deref();
    Ok(Will {
        topic: topic(&file.topic)?,
        payload: payload.map(|payload| text("will.payload", payload, Place::Any)).transpose()?,
        qos: qos(file.qos)?,
        retain: file.retain,
    })
}

fn qos(number: u8) -> Result<QoS, GroupError> {
    QoS::from_number(number).ok_or(GroupError::QoS(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::File;

    const CONTEXT: Context = Context {
        broker: None,
        warmup_ns: 1_000_000_000,
        duration_ns: 10_000_000_000,
        all_new: false,
    };

    #[expect(clippy::unwrap_in_result, reason = "only the group may be wrong")]
    fn resolve(keys: &str) -> Result<Group, GroupError> {
        let text = format!("[[group]]\nname = 'g'\nclients = 2\n{keys}");
        group(&File::parse(&text).unwrap().groups[0], &CONTEXT)
    }

    #[test]
    fn a_group_has_defaults_for_everything_but_its_name_and_size() {
        let group = resolve("").unwrap();
        assert_eq!((group.version, group.inflight_max), (Version::V311, u16::MAX));
        assert!(group.stays() && !group.is_persistent() && group.connection.clean);
        assert_eq!(group.connection.keep_alive_seconds, 60);
    }

    #[test]
    fn what_makes_no_sense_names_the_cure() {
        for (keys, cure) in [
            ("identifier = 'a'", "write %i into it"),
            ("identifier = 'a%c%i'", "%c cannot stand here"),
            ("identifier = 'a%i%rand_2'", "%rand_N cannot stand here"),
            ("identifier = '%u%i'\nuser = '%c'", "each would stand for the other"),
            ("user = '%u'", "%u cannot stand here"),
            ("user = ''", "leave it out"),
            ("password = 'x'", "write user"),
            ("user = '%x'", "there are %i"),
            ("session_expiry = 5", "version = 5"),
            ("topic_alias = true", "version = 5"),
            ("inflight = 0", "more than zero"),
            ("read_rate = 0", "more than zero"),
            ("will = { topic = 'a/#' }", "wildcard"),
            ("will = { topic = 'a', qos = 3 }", "write 0, 1 or 2"),
            ("subscribe = [{ filter = 'a/#/b' }]", "# must be the last level"),
            ("subscribe = [{ filter = 'a+' }]", "+ must be a whole level"),
            ("subscribe = [{ filter = '' }]", "it is empty"),
            ("subscribe = [{ filter = '$share/a/b' }]", "share = \"a\""),
            ("subscribe = [{ filter = 'a', share = 's' }]", "version = 5"),
            ("version = 5\nsubscribe = [{ filter = 'a', share = 's/t' }]", "Share Name"),
            ("publish = [{ topic = 'a', qos = 3 }]", "write 0, 1 or 2"),
            ("publish = [{ topic = '+' }]", "wildcard"),
            ("publish = [{ topic = '%rand_1000000/%rand_1000000' }]", "1,000,000"),
            ("publish = [{ topic = 'a', size = 3 }]", "the smallest is"),
            ("publish = [{ topic = 'a', size = '17MB' }]", "16 MiB"),
            ("publish = [{ topic = 'a', size = 30, payload = 'plain' }]", "exclude each other"),
            ("publish = [{ topic = 'a', template = 'x', file = 'y' }]", "exclude each other"),
            ("publish = [{ topic = 'a', file = '/none' }]", "cannot be read"),
            ("publish = [{ topic = 'a', window = 3 }]", "rate = \"max\""),
            ("publish = [{ topic = 'a', rate = 'max', window = 0 }]", "more than zero"),
            ("publish = [{ topic = 'a', rate = 'max', arrival = 'herd' }]", "exclude each other"),
            ("publish = [{ topic = 'a', rate = 'max', payload = 'plain' }]", "exclude each other"),
            ("publish = [{ topic = 'a%rand_3', rate = 'max' }]", "exclude each other"),
            ("churn = {}\npublish = [{ topic = 'a', rate = 'max' }]", "exclude each other"),
            ("publish = [{ topic = 'a', burst = 3 }]", "arrival = \"burst\""),
            ("publish = [{ topic = 'a', arrival = 'burst', burst = 0 }]", "more than zero"),
            ("publish = [{ topic = 'a', rate = '900000/ms/client' }]", "lower rate"),
            ("publish = [{ topic = 'a', user_properties = [['a', 'b']] }]", "version = 5"),
            ("churn = { stay = '0s' }", "more than zero"),
            ("churn = {}\nstorm = { at = ['1s'] }", "exclude each other"),
            ("storm = {}", "storm needs at"),
            ("start = '5s'\nstop = '5s'", "stop is not after start"),
            ("connect = { rate = 1, over = '1s' }", "exclude each other"),
            ("connect = { rate = 0 }", "more than zero"),
            ("connect = { arrival = 'herd', rate = 1 }", "exclude each other"),
            ("connect = { arrival = 'poisson' }", "needs"),
        ] {
            let error = resolve(keys).map(drop).unwrap_err().to_string();
            assert!(error.contains(cure), "{keys}: {error}");
        }
    }

    #[test]
    fn a_group_takes_another_door_of_the_broker_of_the_scenario() {
        let door = |keys: &str, broker: Option<&str>| {
            let text = format!("[[group]]\nname = 'g'\nclients = 2\n{keys}");
            let broker = broker.map(|url| Endpoint::parse(url).unwrap());
            let context = Context { broker, ..CONTEXT };
            let group = group(&File::parse(&text).unwrap().groups[0], &context);
            group.map(|group| group.endpoint.map(|endpoint| endpoint.to_string()))
        };
        let home = Some("mqtt://a:1884");
        assert_eq!(door("", home), Ok(None));
        assert_eq!(door("transport = 'ws'", home), Ok(Some("ws://a:8083/mqtt".to_owned())));
        assert_eq!(door("port = 9", home), Ok(Some("mqtt://a:9".to_owned())));
        assert_eq!(door("transport = 'unix'", home), Err(GroupError::Door));
        assert_eq!(door("transport = 'unix'\npath = '/x'\nport = 1", home), Err(GroupError::Door));
        assert_eq!(door("path = '/x'", home), Err(GroupError::Door));
        assert_eq!(door("transport = 'tcp'", None), Err(GroupError::OneDoor("transport")));
    }

    #[test]
    fn sessions_outlive_connections_where_the_version_says_so() {
        assert!(resolve("clean = false").unwrap().is_persistent());
        assert!(!resolve("clean = false\nversion = 5").unwrap().is_persistent());
        assert!(resolve("clean = false\nversion = 5\nsession_expiry = 9").unwrap().is_persistent());
    }
}

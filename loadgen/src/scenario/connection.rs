//! What each client says about itself.

use super::{CLIENT_NUMBER, ScenarioError, Target, qos};
use crate::cli::Cli;
use crate::mqtt::{QoS, TOPIC_BYTES_MAX, Version};
use crate::transport::TlsOptions;

/// Characters that the number of a client takes beyond the two of `%i`, at most.
const NUMBER_GROWTH: usize = 5;

/// What each client says in its CONNECT. Texts hold `%i` where each client has its own.
#[derive(Clone, Debug)]
pub struct Connection {
    /// User Name; empty for none.
    pub user: String,
    /// Password; empty for none.
    pub password: String,
    /// Clean Session, or Clean Start from MQTT 5 on.
    pub clean: bool,
    /// Session Expiry Interval of MQTT 5.
    pub session_expiry_seconds: Option<u32>,
    /// Keep Alive; 0 for none.
    pub keep_alive_seconds: u16,
    /// Will Message.
    pub will: Option<Will>,
}

/// A Will Message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic Name, with `%i` where each client has its own.
    pub topic: String,
    /// Payload, likewise.
    pub payload: String,
    /// QoS.
    pub qos: QoS,
    /// Whether it is published with RETAIN = 1.
    pub retain: bool,
}

/// Resolved and checked.
pub(super) fn connection(cli: &Cli) -> Result<Connection, ScenarioError> {
    let arguments = &cli.connection;
    let is_old = arguments.mqtt_version < Version::V5;
    if is_old && arguments.session_expiry.is_some() {
        return Err(ScenarioError::NeedsVersion5("--session-expiry"));
    }
    let user = login("user", arguments.user.as_deref())?;
    let password = login("password", arguments.password.as_deref())?;
    if is_old && user.is_empty() && !password.is_empty() {
        return Err(ScenarioError::PasswordAlone);
    }
    Ok(Connection {
        user,
        password,
        clean: !arguments.no_clean,
        session_expiry_seconds: arguments.session_expiry,
        keep_alive_seconds: arguments.keepalive,
        will: will(cli)?,
    })
}

fn login(option: &'static str, text: Option<&str>) -> Result<String, ScenarioError> {
    match text {
        Some("") => Err(ScenarioError::Empty(option)),
        text => fitting(option, text.unwrap_or_default()),
    }
}

fn will(cli: &Cli) -> Result<Option<Will>, ScenarioError> {
    let arguments = &cli.connection;
    let Some(topic) = &arguments.will_topic else {
        return Ok(None);
    };
    if topic.is_empty() || topic.contains(['+', '#']) {
        return Err(ScenarioError::WillTopic(topic.clone()));
    }
    Ok(Some(Will {
        topic: fitting("will-topic", topic)?,
        payload: fitting("will-payload", arguments.will_payload.as_deref().unwrap_or_default())?,
        qos: qos(arguments.will_qos.unwrap_or(0)),
        retain: arguments.will_retain,
    }))
}

/// Resolved and checked.
pub(super) fn user_properties(cli: &Cli) -> Result<Vec<(String, String)>, ScenarioError> {
    let properties = &cli.messages.user_property;
    if !properties.is_empty() && cli.connection.mqtt_version < Version::V5 {
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
    let bytes = text.len() + NUMBER_GROWTH * text.matches(CLIENT_NUMBER).count();
    if bytes > TOPIC_BYTES_MAX || text.contains('\0') {
        return Err(ScenarioError::Text(option));
    }
    Ok(text.to_owned())
}

/// Resolved and checked.
pub(super) fn tls(cli: &Cli, target: &Target) -> Result<TlsOptions, ScenarioError> {
    let arguments = &cli.tls;
    let options = TlsOptions {
        authorities: arguments.cafile.clone(),
        identity: arguments.cert.clone().zip(arguments.key.clone()),
        insecure: arguments.insecure,
    };
    let scheme = target.scheme();
    match options.given() {
        Some(option) if !scheme.is_secure() => Err(ScenarioError::NoTls {
            option,
            scheme: scheme.secured(),
            embedded: matches!(target, Target::Embedded { .. }),
        }),
        _ => Ok(options),
    }
}

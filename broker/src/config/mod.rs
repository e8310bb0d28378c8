//! The configuration file: TOML, every setting with a default, unknown keys refused.

mod features;
mod limits;
mod tls;
mod unknown;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use broker::{AccessFiles, Listener, ListenerError, Tls};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

pub(crate) use features::FeaturesConfig;
pub(crate) use limits::LimitsConfig;
pub(crate) use tls::{Demand, TlsConfig, Version};

/// The port of MQTT.
pub(crate) const PORT: u16 = 1883;

/// All settings of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where to listen, as URLs.
    pub(crate) listeners: Vec<String>,
    /// Threads that share the clients.
    pub(crate) shards: NonZeroUsize,
    pub(crate) log_level: LogLevel,
    /// Between two publications under `$SYS/broker`; 0 for none.
    pub(crate) sys_interval_seconds: u64,
    pub(crate) access: AccessConfig,
    pub(crate) tls: TlsConfig,
    pub(crate) features: FeaturesConfig,
    pub(crate) limits: LimitsConfig,
}

/// Who may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AccessConfig {
    /// Unless it is said: only without a password file and on loopback addresses alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_anonymous: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acl_file: Option<PathBuf>,
}

/// What is said on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// The text of the parser says the line and shows it.
    #[error("{}: {message}", path.display())]
    Parse { path: PathBuf, message: String },
    #[error("{}, line {line}: unknown key `{key}`{hint}", path.display())]
    UnknownKey { path: PathBuf, line: usize, key: String, hint: String },
    #[error(transparent)]
    Listener(#[from] ListenerError),
    #[error("tls.certificate_file and tls.key_file go together: one of them is missing")]
    HalfOfTls,
    #[error("there is no listener: name one, such as \"mqtt://127.0.0.1:1883\"")]
    NoListener,
    #[error("features.maximum_qos is {0}; it is 0, 1 or 2")]
    MaximumQoS(u8),
    #[error("features.{name} is to have from 1 to 65535 bytes, none of them null")]
    Text { name: &'static str },
    #[error(
        "tls.use_identity_as_username needs client certificates: name the authority that issues \
         them with tls.client_authority_file"
    )]
    IdentityWithoutAuthority,
    #[error("limits.{name} must be at least 1")]
    Zero { name: &'static str },
    #[error(
        "{listener} lets other machines in, and nobody has to prove who they are: name a \
         password file (--password-file, made by `broker passwd`), or say --allow-anonymous to \
         let everybody in"
    )]
    OpenToAll { listener: String },
    #[error(
        "nobody could come in: anonymous clients may not, and there is no password file; name one \
         with --password-file, made by `broker passwd`"
    )]
    ClosedToAll,
}

impl Default for Config {
    fn default() -> Self {
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
        Self {
            listeners: loopback.map(|address| listener_url(address, PORT)).into(),
            shards: NonZeroUsize::MIN,
            log_level: LogLevel::default(),
            sys_interval_seconds: 10,
            access: AccessConfig::default(),
            tls: TlsConfig::default(),
            features: FeaturesConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Config {
    /// Reads a file. Paths in it are relative to the folder that it is in.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let mut config = Self::parse(path, &text)?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let AccessConfig { password_file, acl_file, .. } = &mut config.access;
        let files = [password_file, acl_file].into_iter().flatten();
        for file in files.chain(config.tls.files()) {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let failed = |error: toml::de::Error| ConfigError::Parse {
            path: path.to_owned(),
            message: error.to_string(),
        };
        if let Some(unknown) = unknown::find(text).map_err(failed)? {
            let unknown::Unknown { line, key, hint } = unknown;
            return Err(ConfigError::UnknownKey { path: path.to_owned(), line, key, hint });
        }
        toml::from_str(text).map_err(failed)
    }

    /// Checks what settings mean together, and settles what depends on others.
    pub(crate) fn resolve(mut self) -> Result<Self, ConfigError> {
        self.limits.check()?;
        if self.tls.certificate_file.is_some() != self.tls.key_file.is_some() {
            return Err(ConfigError::HalfOfTls);
        }
        self.features.features()?;
        if self.tls.use_identity_as_username && !self.tls.asks_for_certificates() {
            return Err(ConfigError::IdentityWithoutAuthority);
        }
        let is_certified =
            |listener: &Listener| self.tls.use_identity_as_username && listener.is_secure();
        let listeners = self.listeners()?;
        let anybody_certified = listeners.iter().any(is_certified);
        let exposed = listeners.iter().find(|one| !one.is_local() && !is_certified(one));
        let AccessConfig { allow_anonymous, password_file, .. } = &mut self.access;
        match (*allow_anonymous, password_file.is_some(), exposed) {
            (None, false, Some(listener)) => {
                return Err(ConfigError::OpenToAll { listener: listener.to_string() });
            }
            (Some(false), false, _) if !anybody_certified => return Err(ConfigError::ClosedToAll),
            (None, has_passwords, _) => *allow_anonymous = Some(!has_passwords),
            _ => {}
        }
        Ok(self)
    }

    /// Where to listen.
    pub(crate) fn listeners(&self) -> Result<Vec<Listener>, ConfigError> {
        if self.listeners.is_empty() {
            return Err(ConfigError::NoListener);
        }
        let listeners: Result<_, ListenerError> =
            self.listeners.iter().map(|url| url.parse()).collect();
        Ok(listeners?)
    }

    /// Certificate and key of the listeners that need them.
    pub(crate) fn tls(&self) -> Option<Tls> {
        self.tls.tls()
    }

    /// The files that decide about access; `None` when everybody may do everything.
    pub(crate) fn access_files(&self) -> Option<AccessFiles> {
        let AccessConfig { allow_anonymous, password_file, acl_file } = self.access.clone();
        let allow_anonymous = allow_anonymous.unwrap_or(false);
        let certified_users = self.tls.use_identity_as_username;
        let open =
            allow_anonymous && password_file.is_none() && acl_file.is_none() && !certified_users;
        (!open).then_some(AccessFiles { allow_anonymous, password_file, acl_file, certified_users })
    }

    /// A configuration in which every key has a value, to know all of them.
    fn complete() -> Self {
        Self {
            access: AccessConfig {
                allow_anonymous: Some(true),
                password_file: Some(PathBuf::new()),
                acl_file: Some(PathBuf::new()),
            },
            tls: TlsConfig {
                certificate_file: Some(PathBuf::new()),
                key_file: Some(PathBuf::new()),
                client_authority_file: Some(PathBuf::new()),
                client_certificates: Some(Demand::Required),
                use_identity_as_username: false,
                minimum_version: Version::default(),
            },
            features: FeaturesConfig {
                response_information: Some("a".into()),
                server_reference: Some("a".into()),
                ..FeaturesConfig::default()
            },
            limits: LimitsConfig { connections_max: Some(0), ..LimitsConfig::default() },
            ..Self::default()
        }
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// The URL of a TCP listener.
pub(crate) fn listener_url(address: IpAddr, port: u16) -> String {
    format!("mqtt://{}", SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests;

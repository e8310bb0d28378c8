//! How a broker is started: shipped descriptions and files of the user's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use reports::Side;
use serde::Deserialize;

use crate::scenario::{self, ScenarioError};
use crate::transport::Endpoint;

/// The descriptions that are part of the binary.
const SHIPPED: [(&str, &str); 8] = [
    ("kelvin", include_str!("../../brokers/kelvin.toml")),
    ("mosquitto", include_str!("../../brokers/mosquitto.toml")),
    ("rumqttd", include_str!("../../brokers/rumqttd.toml")),
    ("aedes", include_str!("../../brokers/aedes.toml")),
    ("nats-server", include_str!("../../brokers/nats-server.toml")),
    ("nanomq", include_str!("../../brokers/nanomq.toml")),
    ("flashmq", include_str!("../../brokers/flashmq.toml")),
    ("emqx", include_str!("../../brokers/emqx.toml")),
];

/// Seconds until a broker must accept a client, where its description says nothing else.
const READY_SECONDS: u32 = 20;

/// Least likeness, from 0 to 1, of a name that is suggested.
const LIKENESS_MIN: f64 = 0.7;

/// Why a broker is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// Neither a shipped one, nor a file, nor a URL.
    #[error("no broker is called {name}{}; known are {}; a TOML file or a URL will do as well",
        .suggestion.as_ref().map_or(String::new(), |name| format!(" (did you mean {name}?)")),
        shipped_names().join(", "))]
    Unknown {
        /// What was typed.
        name: String,
        /// The shipped name that is most like it.
        suggestion: Option<String>,
    },
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no description.
    #[error("{origin}: {source}")]
    Toml {
        /// The file, or the name of a shipped one.
        origin: String,
        /// Line, column and cause.
        source: Box<toml::de::Error>,
    },
    /// There is nothing to start.
    #[error("{0}: command is empty; write the program and its arguments as a list of strings")]
    NoCommand(String),
    /// A quote that does not end.
    #[error("{0}: no shell would take this: a quote is open, or it ends with a backslash")]
    Quotes(String),
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] ScenarioError),
}

/// A broker to compare.
#[derive(Clone, Debug)]
pub struct Description {
    /// What it is called in tables and folders.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// How to get it.
    pub install: String,
    /// How it comes to run.
    pub(super) origin: Origin,
}

/// How a broker comes to run.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// It is started for each round.
    Started(Box<Recipe>),
    /// Somebody else runs it.
    Running(Endpoint),
}

/// What a description file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// What it is, in a few words.
    #[serde(default)]
    pub about: String,
    /// The program and its arguments, with `{port}`, `{port2}`, `{tls_port}`, `{cert}`, `{key}`, `{dir}` and `{config}`.
    pub command: Vec<String>,
    /// A command whose first line of output has the version.
    #[serde(default)]
    pub version: Vec<String>,
    /// How to get it.
    #[serde(default)]
    pub install: String,
    /// Text of a configuration file, with the same placeholders.
    pub config: Option<String>,
    /// Name of this file, where the end of the name matters.
    #[serde(default = "config_name")]
    pub config_name: String,
    /// Environment variables, with the same placeholders.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Seconds until it must accept a client.
    #[serde(default = "ready_seconds")]
    pub ready_seconds: u32,
}

impl Recipe {
    /// Whether it has a place for a port on which TLS is spoken.
    pub(super) fn has_tls(&self) -> bool {
        let texts = self.command.iter().chain(&self.config).chain(self.environment.values());
        texts.into_iter().any(|text| text.contains("{tls_port}"))
    }
}

fn config_name() -> String {
    "broker.conf".to_owned()
}

fn ready_seconds() -> u32 {
    READY_SECONDS
}

impl Description {
    /// What is meant by `NAME`, `FILE.toml`, `URL`, `NAME=FILE.toml` or `NAME=URL`.
    pub fn find(typed: &str) -> Result<Self, DescriptionError> {
        match typed.split_once('=') {
            Some((name, what)) if !name.is_empty() && !name.contains(['/', ':']) => {
                Ok(Self { name: name.to_owned(), ..Self::named(what)? })
            }
            _ => Self::named(typed),
        }
    }

    /// A command line, split as a shell splits it.
    pub(crate) fn command(line: &str) -> Result<Self, DescriptionError> {
        let command =
            shlex::split(line).ok_or_else(|| DescriptionError::Quotes(line.to_owned()))?;
        let recipe = Recipe {
            about: line.to_owned(),
            command,
            version: Vec::new(),
            install: String::new(),
            config: None,
            config_name: config_name(),
            environment: BTreeMap::new(),
            ready_seconds: ready_seconds(),
        };
        Ok(Self {
            name: line.to_owned(),
            about: line.to_owned(),
            install: String::new(),
            origin: Origin::Started(Box::new(recipe)),
        })
    }

    /// Whether somebody else started it.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.origin, Origin::Running(_))
    }

    /// Whether it is told a port for TLS.
    pub(crate) fn has_tls(&self) -> bool {
        match &self.origin {
            Origin::Started(recipe) => recipe.has_tls(),
            Origin::Running(_) => false,
        }
    }

    fn named(what: &str) -> Result<Self, DescriptionError> {
        if let Some((name, text)) = SHIPPED.iter().find(|(name, _)| *name == what) {
            return Self::parse(name, name, text);
        }
        if what.contains("://") || what.starts_with("unix:") {
            return Self::running(what);
        }
        if Path::new(what).extension().is_some_and(|extension| extension == "toml") {
            return Self::read(Path::new(what));
        }
        let suggestion = shipped_names()
            .into_iter()
            .map(|name| (strsim::jaro_winkler(what, name), name))
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.to_owned());
        Err(DescriptionError::Unknown { name: what.to_owned(), suggestion })
    }

    /// All that are part of the binary.
    pub fn shipped() -> impl Iterator<Item = Result<Self, DescriptionError>> {
        SHIPPED.iter().map(|(name, text)| Self::parse(name, name, text))
    }

    fn read(path: &Path) -> Result<Self, DescriptionError> {
        let text = fs::read_to_string(path)
            .map_err(|source| DescriptionError::File { path: path.to_owned(), source })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&stem, &path.display().to_string(), &text)
    }

    fn running(url: &str) -> Result<Self, DescriptionError> {
        Ok(Self {
            name: url.to_owned(),
            about: "already running".to_owned(),
            install: String::new(),
            origin: Origin::Running(scenario::endpoint(url)?),
        })
    }

    fn parse(name: &str, origin: &str, text: &str) -> Result<Self, DescriptionError> {
        let recipe: Recipe = toml::from_str(text).map_err(|source| DescriptionError::Toml {
            origin: origin.to_owned(),
            source: Box::new(source),
        })?;
        if recipe.command.first().is_none_or(String::is_empty) {
            return Err(DescriptionError::NoCommand(origin.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            about: recipe.about.clone(),
            install: recipe.install.clone(),
            origin: Origin::Started(Box::new(recipe)),
        })
    }

    /// Where its program is; `None` when it is not installed, or nothing is started.
    pub fn program(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::Started(recipe) => recipe.command.first().and_then(|name| program(name)),
            Origin::Running(_) => None,
        }
    }

    /// Its place in the table, without runs.
    pub(crate) fn side(&self) -> Side {
        Side {
            name: self.name.clone(),
            about: self.about.clone(),
            version: self.version(),
            runs: Vec::new(),
        }
    }

    /// What the broker says about its version; empty when it says nothing.
    pub(crate) fn version(&self) -> String {
        let Origin::Started(recipe) = &self.origin else {
            return String::new();
        };
        let Some((name, arguments)) = recipe.version.split_first() else {
            return String::new();
        };
        let Some(path) = program(name) else {
            return String::new();
        };
        let output = std::process::Command::new(path).args(arguments).output();
        // Some brokers print their help with another status than 0: only stdout is believed.
        let text = output.map(|output| output.stdout).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }
}

fn shipped_names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

/// Where a program is: as a path, beside this binary, or on the PATH. Distributions put servers
/// where the PATH of a user often does not lead.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
    let listed = env::var_os("PATH").unwrap_or_default();
    let folders = beside.into_iter().chain(env::split_paths(&listed));
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    folders.chain(more).map(|folder| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_description_is_one() {
        for description in Description::shipped() {
            let description = description.unwrap();
            assert!(!description.about.is_empty(), "{}", description.name);
            assert!(!description.install.is_empty(), "{}", description.name);
            let Origin::Started(recipe) = &description.origin else {
                panic!("{} is not started", description.name);
            };
            let uses_port =
                [&recipe.command[..], &recipe.config.clone().into_iter().collect::<Vec<_>>()]
                    .concat()
                    .into_iter()
                    .chain(recipe.environment.values().cloned())
                    .any(|text| text.contains("{port}"));
            assert!(uses_port, "{} listens at a port of its own", description.name);
        }
    }

    #[test]
    fn brokers_are_named_in_several_ways() {
        assert_eq!(Description::find("mosquitto").unwrap().name, "mosquitto");
        assert_eq!(Description::find("old=mosquitto").unwrap().name, "old");
        let running = Description::find("theirs=mqtt://10.0.0.1:1884").unwrap();
        assert_eq!(running.name, "theirs");
        let Origin::Running(endpoint) = running.origin else {
            panic!("somebody else runs it");
        };
        assert_eq!(endpoint.to_string(), "mqtt://10.0.0.1:1884");
    }

    #[test]
    fn a_command_is_split_as_a_shell_does_it() {
        let command = |line| match Description::command(line)?.origin {
            Origin::Started(recipe) => Ok(recipe.command),
            Origin::Running(_) => panic!("it is started"),
        };
        assert_eq!(command("a  'b c' d\"e f\" ''").unwrap(), ["a", "b c", "de f", ""]);
        let error = command("a 'b").map_err(|error: DescriptionError| error.to_string());
        assert!(error.unwrap_err().contains("a quote is open"));
    }

    #[test]
    fn a_wrong_name_gets_a_suggestion() {
        let error = Description::find("mosquito").unwrap_err().to_string();
        assert!(error.contains("did you mean mosquitto?"), "{error}");
        let error = Description::find("xyz").unwrap_err().to_string();
        assert!(error.contains("known are kelvin, "), "{error}");
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn faults_in_a_description_name_the_place() {
        let parse = |text| Description::parse("x", "x.toml", text).unwrap_err().to_string();
        let error = parse("comand = ['a']");
        assert!(error.contains("x.toml") && error.contains("comand"), "{error}");
        assert!(parse("command = []").contains("command is empty"));
        let error = Description::find("/nowhere/x.toml").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/x.toml: "), "{error}");
    }
}

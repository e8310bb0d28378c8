//! The section `[tls]`.

use std::path::PathBuf;

use broker::{ClientCertificates, Tls, TlsVersion};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Files of the listeners that speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_authority_file: Option<PathBuf>,
    /// Unless it is said: required with an authority, else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_certificates: Option<Demand>,
    pub(crate) use_identity_as_username: bool,
    pub(crate) minimum_version: Version,
}

/// Whether Clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Demand {
    None,
    Optional,
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
pub(crate) enum Version {
    #[default]
    #[value(name = "1.2")]
    #[serde(rename = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsConfig {
    /// All paths in it.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let files =
            [&mut self.certificate_file, &mut self.key_file, &mut self.client_authority_file];
        files.into_iter().flatten()
    }

    /// Whether clients show certificates, or may.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.client_authority_file.is_some() && self.client_certificates != Some(Demand::None)
    }

    /// What the broker takes; `None` without certificate and key.
    pub(super) fn tls(&self) -> Option<Tls> {
        let tls = Tls::new(self.certificate_file.as_ref()?, self.key_file.as_ref()?);
        let tls = tls.use_identity_as_username(self.use_identity_as_username);
        let tls = tls.minimum_version(match self.minimum_version {
            Version::Tls12 => TlsVersion::Tls12,
            Version::Tls13 => TlsVersion::Tls13,
        });
        let Some(authority) = &self.client_authority_file else { return Some(tls) };
        let demand = match self.client_certificates {
            Some(Demand::None) => ClientCertificates::None,
            Some(Demand::Optional) => ClientCertificates::Optional,
            Some(Demand::Required) | None => ClientCertificates::Required,
        };
        Some(tls.client_certificates(demand, authority))
    }
}

//! An [`Access`] as the driver and the shards use it.

use std::fmt;
use std::sync::Arc;

use broker_core::codec::{Connect, ReasonCode};
use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Admission, Identity, Policy, QoS, Rights};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Access, Credentials};
use crate::driver::Arrival;

/// Credentials that are checked at once. A hash takes tens of milliseconds of a core and 19 MiB;
/// whoever comes meanwhile waits, within the time that a CONNECT may take.
const CHECKS_AT_ONCE: usize = 2;

#[derive(Clone)]
pub(crate) struct AccessControl {
    access: Arc<dyn Access>,
    checks: Arc<Semaphore>,
}

impl AccessControl {
    pub(crate) fn new(access: Arc<dyn Access>) -> Self {
        Self { access, checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)) }
    }

    /// Waits for a turn to check something; `None` never, for as long as the broker runs.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.checks).acquire_owned().await.ok()
    }

    /// Checks the credentials of a CONNECT away from the network thread. `common_name` is that of
    /// the certificate which the Client has shown.
    pub(crate) async fn admit(
        &self,
        connect: &Connect<'_>,
        common_name: Option<&str>,
        arrival: &Arrival,
    ) -> Admission {
        let turn = self.turn().await;
        let access = Arc::clone(&self.access);
        let origin = Arc::clone(&arrival.origin);
        let peer = arrival.peer.socket_address();
        let is_certified = origin.certifies_users;
        let common_name = common_name.map(str::to_owned);
        let client_identifier = connect.client_identifier.to_owned();
        let user_name = connect.user_name.map(str::to_owned);
        let password = connect.password.map(<[u8]>::to_vec);
        let method = connect.properties.authentication_method.map(str::to_owned);
        let check = move || {
            let _turn = turn;
            let common_name = common_name.as_deref();
            let credentials = Credentials {
                client_identifier: &client_identifier,
                user_name: if is_certified { common_name } else { user_name.as_deref() },
                is_certified,
                password: password.as_deref().filter(|_| !is_certified),
                common_name,
                listener: &origin.listener,
                peer,
            };
            let Some(method) = method else {
                return match access.authenticate(&credentials) {
                    Ok(principal) => Admission::Granted(principal),
                    Err(refusal) => Admission::Refused(refusal.into()),
                };
            };
            match access.authenticator(&method, &credentials) {
                Some(authenticator) => Admission::Authenticator(authenticator),
                None => Admission::Refused(ReasonCode::BadAuthenticationMethod.into()),
            }
        };
        tokio::task::spawn_blocking(check).await.unwrap_or_else(|error| {
            tracing::error!("the credentials of {peer:?} could not be checked: {error}");
            Admission::Refused(ReasonCode::ServerUnavailable.into())
        })
    }
}

impl Policy for AccessControl {
    fn rights(&self, client: &Arc<Identity>) -> Option<Arc<dyn Rights>> {
        if !self.access.admits(client) {
            return None;
        }
        let prepared = self.access.prepared_rights(client);
        Some(prepared.unwrap_or_else(|| {
            Arc::new(Asked { access: Arc::clone(&self.access), client: Arc::clone(client) })
        }))
    }
}

impl fmt::Debug for AccessControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessControl").finish_non_exhaustive()
    }
}

/// Asks an [`Access`] each time.
struct Asked {
    access: Arc<dyn Access>,
    client: Arc<Identity>,
}

impl Rights for Asked {
    fn may_publish(&self, topic: TopicName<'_>, qos: QoS, retain: bool) -> bool {
        self.access.may_publish(&self.client, topic, qos, retain)
    }

    fn may_subscribe(&self, filter: TopicFilter<'_>, qos: QoS) -> bool {
        self.access.may_subscribe(&self.client, filter, qos)
    }

    fn may_receive(&self, topic: TopicName<'_>) -> bool {
        self.access.may_receive(&self.client, topic)
    }
}

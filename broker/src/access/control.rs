//! An [`Access`] as the driver and the shards use it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::codec::{Connect, ConnectReturnCode};
use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Admission, Identity, Policy, QoS, Rights};
use tokio::sync::Semaphore;

use super::{Access, Credentials};

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

    /// Checks the credentials of a CONNECT away from the network thread.
    pub(crate) async fn admit(&self, connect: &Connect<'_>, peer: Option<SocketAddr>) -> Admission {
        let Ok(permit) = Arc::clone(&self.checks).acquire_owned().await else {
            return Admission::Refused(ConnectReturnCode::ServerUnavailable);
        };
        let access = Arc::clone(&self.access);
        let client_identifier = connect.client_identifier.to_owned();
        let user_name = connect.user_name.map(str::to_owned);
        let password = connect.password.map(<[u8]>::to_vec);
        let check = move || {
            let _permit = permit;
            access.authenticate(&Credentials {
                client_identifier: &client_identifier,
                user_name: user_name.as_deref(),
                password: password.as_deref(),
                peer,
            })
        };
        match tokio::task::spawn_blocking(check).await {
            Ok(Ok(principal)) => Admission::Granted(principal),
            Ok(Err(refusal)) => Admission::Refused(refusal.into()),
            Err(error) => {
                tracing::error!("the credentials of {peer:?} could not be checked: {error}");
                Admission::Refused(ConnectReturnCode::ServerUnavailable)
            }
        }
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

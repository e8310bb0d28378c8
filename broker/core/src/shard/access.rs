//! Where rights are asked for. Without a policy each of these is one branch.
//!
//! They are asked again whenever an older answer could have gone stale: at session resume, when a
//! Will is due, and for every session, subscription, waiting and retained message when the rules
//! have changed.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, Connection, ConnectionKey};
use super::forward::Change;
use crate::access::{Admission, Identity, Policy, Principal, Refusal, Rights, SessionAccess};
use crate::codec::ReasonCode;
use crate::message::Publication;
use crate::qos::QoS;
use crate::session::{Session, SessionKey};
use crate::topic::{SubscriptionTarget, TopicFilter, TopicName};

impl Shard {
    /// Lets a policy decide what Clients may do. Every Network Connection then needs an
    /// [`admit`](Self::admit) before its CONNECT, or is refused.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Notes what was made of the credentials of the CONNECT that is about to be handled.
    pub fn admit(&mut self, key: ConnectionKey, admission: Admission) {
        if let Some(connection) = self.links.get_mut(key) {
            connection.rare_mut().admission = Some(Box::new(admission));
        }
    }

    /// Asks the policy again for everything it has granted: to be called when its rules have
    /// changed. Clients that may not be here are closed, their sessions end; subscriptions,
    /// waiting messages and retained messages that are not allowed any more are removed. Each is
    /// counted.
    pub fn recheck_access(&mut self) {
        let Some(policy) = self.policy.clone() else { return };
        self.topics.forget_matches();
        let sessions: Vec<SessionKey> = self.sessions.keys().collect();
        for key in sessions {
            self.recheck_session(&*policy, key);
        }
        self.recheck_retained(&*policy);
    }

    /// The rights of a Client that brings this identifier; `None` when there is no policy.
    pub(super) fn grant(
        &mut self,
        key: ConnectionKey,
        client_identifier: &str,
    ) -> Result<Option<SessionAccess>, Refusal> {
        if self.policy.is_none() {
            return Ok(None);
        }
        let admission = self.links.get_mut(key).and_then(Connection::take_admission);
        match admission.map(|admission| *admission) {
            Some(Admission::Granted(principal)) => {
                self.grant_to(principal, client_identifier.into())
            }
            Some(Admission::Refused(refusal)) => Err(refusal),
            Some(Admission::Authenticator(_)) | None => Err(ReasonCode::NotAuthorized.into()),
        }
    }

    /// The rights of a Client that has proved who it is.
    pub(super) fn grant_to(
        &self,
        principal: Principal,
        client_identifier: Arc<str>,
    ) -> Result<Option<SessionAccess>, Refusal> {
        let Some(policy) = &self.policy else { return Ok(None) };
        let identity = Arc::new(Identity { client_identifier, principal });
        let rights = policy.rights(&identity).ok_or(ReasonCode::NotAuthorized)?;
        Ok(Some(SessionAccess { identity, rights }))
    }

    /// Puts a session under the rights of the Client that begins it, goes on with it or has proved
    /// anew who it is. What an earlier one left there is kept only as far as these go.
    pub(super) fn set_access(&mut self, key: SessionKey, access: Option<SessionAccess>) {
        let (Some(access), Some(session)) = (access, self.sessions.get_mut(key)) else {
            return;
        };
        let principal = access.identity.principal.clone();
        if let Some(earlier) = session.access.replace(Box::new(access)) {
            if earlier.identity.principal != principal {
                self.topics.forget_matches();
            }
            let offline = self.links.online(key).is_none();
            self.review_session(key, offline);
        }
    }

    /// Whether the Client of a session may publish this; counts when it may not. `$SYS` is the
    /// broker's own.
    pub(super) fn may_publish(
        &mut self,
        key: SessionKey,
        topic: TopicName<'_>,
        qos: QoS,
        retain: bool,
    ) -> bool {
        let may = self.is_free_to_publish(key, topic, qos, retain);
        self.statistics.publications_denied += u64::from(!may);
        may
    }

    /// [`may_publish`](Self::may_publish) without a count.
    pub(super) fn is_free_to_publish(
        &self,
        key: SessionKey,
        topic: TopicName<'_>,
        qos: QoS,
        retain: bool,
    ) -> bool {
        if self.policy.is_none() && !topic.is_reserved() {
            return true;
        }
        let access = self.sessions.get(key).and_then(|session| session.access.as_ref());
        is_allowed(access.map(|access| &*access.rights), topic, qos, retain)
    }

    /// [`may_publish`](Self::may_publish) for a Will, whose session may have ended.
    pub(super) fn may_publish_will(
        &mut self,
        access: Option<&SessionAccess>,
        will: Publication<'_>,
    ) -> bool {
        let rights = access.map(|access| &*access.rights);
        let may = (self.policy.is_none() && !will.topic.is_reserved())
            || is_allowed(rights, will.topic, will.qos, will.retain);
        self.statistics.publications_denied += u64::from(!may);
        may
    }

    /// Who is to answer for a retained message.
    pub(super) fn origin(&self, key: SessionKey) -> Option<Arc<Identity>> {
        let access = self.sessions.get(key)?.access.as_ref()?;
        Some(Arc::clone(&access.identity))
    }

    fn recheck_session(&mut self, policy: &dyn Policy, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let identity = session.access.as_ref().map(|access| Arc::clone(&access.identity));
        let granted = identity.and_then(|identity| {
            let rights = policy.rights(&identity)?;
            Some(SessionAccess { identity, rights })
        });
        if let Some(access) = granted {
            session.access = Some(Box::new(access));
            let offline = self.links.online(key).is_none();
            return self.review_session(key, offline);
        }
        self.statistics.sessions_revoked += 1;
        if let Some(connection) = self.links.online(key) {
            self.close(connection, CloseCause::Revoked);
        }
        self.end_session(key);
    }

    /// Removes what a session may not have: subscriptions and waiting messages, with `offline`
    /// also those that were sent on an earlier Network Connection and would be sent again.
    fn review_session(&mut self, key: SessionKey, offline: bool) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(access) = &session.access else { return };
        let rights = Arc::clone(&access.rights);
        let before = session.filters.len();
        let mut removed = Vec::new();
        session.filters.retain(|filter| {
            // That of a shared subscription may lie on another shard: the least is taken.
            let granted = self.topics.subscriptions.qos(TopicFilter::new_unchecked(filter), key);
            let may = SubscriptionTarget::new_lenient(filter).is_ok_and(|target| {
                rights.may_subscribe(target.filter(), granted.unwrap_or_default())
            });
            if !may {
                removed.push(Box::<str>::from(filter));
            }
            may
        });
        self.statistics.subscriptions_revoked += (before - session.filters.len()) as u64;
        let may_receive = |topic: TopicName<'_>| rights.may_receive(topic);
        let held = session.outbound.held();
        let dropped = session.outbound.revoke(offline, |message| may_receive(message.topic()));
        self.held.replace(held, session.outbound.held());
        self.statistics.messages_revoked += dropped as u64;
        for filter in removed {
            self.drop_subscription(TopicFilter::new_unchecked(&filter), key);
        }
        self.change_groups(key, Change::Access);
    }

    /// Removes retained messages whose publisher may not publish them any more.
    fn recheck_retained(&mut self, policy: &dyn Policy) {
        // Neighbours are often one Client's.
        let mut last: Option<Arc<Identity>> = None;
        let mut rights = None;
        let removed = self.topics.retained.revoke(|message, origin| {
            if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, origin)) {
                rights = policy.rights(origin);
                last = Some(Arc::clone(origin));
            }
            rights.as_ref().is_some_and(|r| r.may_publish(message.topic(), message.qos, true))
        });
        self.statistics.retained_revoked += removed as u64;
    }
}

impl Session {
    /// Whether a publication to `topic` may go to its Client, under a policy.
    pub(super) fn may_receive(&self, topic: TopicName<'_>) -> bool {
        self.access.as_ref().is_some_and(|access| access.rights.may_receive(topic))
    }
}

fn is_allowed(rights: Option<&dyn Rights>, topic: TopicName<'_>, qos: QoS, retain: bool) -> bool {
    !topic.is_reserved() && rights.is_some_and(|rights| rights.may_publish(topic, qos, retain))
}

//! How a Client goes, MQTT 3.14, and how a session ends, MQTT 5.0 3.1.2.11.2.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, Closed, ConnectionKey, Phase, Violation};
use crate::access::SessionAccess;
use crate::codec::{Disconnect, ReasonCode, encode_disconnect};
use crate::session::{Held, SessionExpiry, SessionKey, Will};
use crate::topic::TopicFilter;

impl Shard {
    /// What a DISCONNECT of the Client means.
    pub(super) fn handle_disconnect(
        &mut self,
        session: SessionKey,
        disconnect: &Disconnect<'_>,
    ) -> CloseCause {
        if let Some(seconds) = disconnect.properties.session_expiry_interval_seconds
            && let Some(session) = self.sessions.get_mut(session)
        {
            let max = self.limits.session_expiry_max;
            let expiry = SessionExpiry::from_seconds(seconds).at_most(max);
            if session.expiry == SessionExpiry::WITH_CONNECTION && expiry != session.expiry {
                return Violation::SessionExpiry.into();
            }
            session.expiry = expiry;
        }
        // Any reason but a normal one keeps the Will, [MQTT-3.14.4-3].
        if disconnect.reason == ReasonCode::Success {
            CloseCause::Disconnect
        } else {
            CloseCause::DisconnectWithWill
        }
    }

    /// Ends a Network Connection: its Will goes out unless the Client took its leave,
    /// [MQTT-3.1.2-8], now or after its delay.
    pub(super) fn close(&mut self, key: ConnectionKey, cause: CloseCause) {
        self.close_with(key, cause, None);
    }

    /// [`close`](Self::close) that names another Server to the Client.
    pub(super) fn close_with(
        &mut self,
        key: ConnectionKey,
        cause: CloseCause,
        elsewhere: Option<&str>,
    ) {
        let phase = self.links.phase(key);
        if phase == Phase::Closed {
            return;
        }
        self.count_close(cause);
        self.say_why(key, phase, cause, elsewhere);
        let will =
            self.links.get_mut(key).and_then(|connection| connection.rare.as_mut()?.will.take());
        if cause == CloseCause::Revoked && will.is_some() {
            self.statistics.publications_denied += 1;
        }
        let keeps_silent =
            matches!(cause, CloseCause::Disconnect | CloseCause::Shutdown | CloseCause::Revoked);
        let will = will.filter(|_| !keeps_silent);
        let session = match phase {
            Phase::Connected(session) => Some(session),
            Phase::AwaitingConnect | Phase::Authenticating | Phase::Closed => None,
        };
        let state = session.and_then(|session| self.sessions.get(session));
        let client_identifier = state.map(|state| Arc::clone(&state.client_identifier));
        if let Some(identifier) = &client_identifier {
            self.emit_end(key, identifier, cause);
        }
        self.links.close(Closed { key, cause, client_identifier });
        if let Some(session) = session {
            self.detach(session, will);
        }
    }

    /// Tells a Client of MQTT 5.0 why the Server closes, [MQTT-4.13.1-1], and where to go instead.
    fn say_why(
        &mut self,
        key: ConnectionKey,
        phase: Phase,
        cause: CloseCause,
        elsewhere: Option<&str>,
    ) {
        let Some(mut reason) = cause.reason_code() else { return };
        match phase {
            Phase::Connected(_) if self.links.protocol(key).has_properties() => {}
            // There is no DISCONNECT before the CONNACK, [MQTT-3.14.0-1].
            Phase::Authenticating => return self.put_refusal(key, &reason.into()),
            Phase::Connected(_) | Phase::AwaitingConnect | Phase::Closed => return,
        }
        if cause == CloseCause::Shutdown && elsewhere.is_some() {
            reason = ReasonCode::UseAnotherServer;
        }
        let why = cause.to_string();
        let mut disconnect = Vec::new();
        // What there is no room for is left out, the explanation first, [MQTT-3.14.2-3].
        for (why, elsewhere) in [(Some(&*why), elsewhere), (None, elsewhere), (None, None)] {
            disconnect.clear();
            encode_disconnect(reason, why, elsewhere, &mut disconnect);
            if disconnect.len() <= self.links.packet_bytes_max(key) {
                break;
            }
        }
        self.links.put(key, &disconnect, None);
    }

    /// Leaves a session to itself: it ends now, later or never, and its Will waits as long at most.
    fn detach(&mut self, key: SessionKey, will: Option<Box<Will>>) {
        self.links.detach(key);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let ends_now = session.expiry == SessionExpiry::WITH_CONNECTION;
        let ends = session.expiry.time().map(|time| self.now + time);
        let waits = |will: &Will| !ends_now && !will.delay.is_zero();
        let (waiting, due) = match will {
            Some(will) if waits(&will) => (Some(will), None),
            due => (None, due),
        };
        let will = waiting.map(|will| (self.now + will.delay, will));
        if ends.is_some() || will.is_some() {
            let absence = session.absence.insert(Box::default());
            (absence.ends, absence.will) = (ends, will);
            self.timers.arm_session(self.now, key, absence);
        }
        let access = session.access.clone();
        if ends_now {
            self.end_session(key);
        } else {
            self.announce(key, false);
        }
        if let Some(will) = due {
            self.publish_will(&will, access.as_deref());
        }
    }

    /// Publishes a Will if the Client may still do so.
    pub(super) fn publish_will(&mut self, will: &Will, access: Option<&SessionAccess>) {
        let message = will.message(self.now);
        if self.may_publish_will(access, message.as_publication()) {
            self.statistics.wills_published += 1;
            self.publish_from(&message, access.map(|access| &access.identity));
        }
    }

    fn count_close(&mut self, cause: CloseCause) {
        let statistics = &mut self.statistics;
        *match cause {
            CloseCause::Disconnect
            | CloseCause::DisconnectWithWill
            | CloseCause::Shutdown
            | CloseCause::Revoked => &mut statistics.disconnects,
            CloseCause::Lost => &mut statistics.connections_lost,
            CloseCause::Violation(_) => &mut statistics.protocol_violations,
            CloseCause::Refused(_) => &mut statistics.connects_refused,
            CloseCause::TakenOver => &mut statistics.take_overs,
            CloseCause::KeepAliveTimeout => &mut statistics.keep_alive_timeouts,
            CloseCause::ConnectTimeout => &mut statistics.connect_timeouts,
            CloseCause::AuthenticationFailed(_) => &mut statistics.reauthentications_failed,
            CloseCause::Dismissed(_) => &mut statistics.dismissals,
        } += 1;
    }

    /// Forgets a session. A Will that still waits goes out, MQTT 5.0 3.1.3.2.2.
    pub(super) fn end_session(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.held.replace(session.outbound.held(), Held::default());
        self.identifiers.remove(&session.client_identifier, key);
        for filter in session.filters.iter() {
            self.drop_subscription(TopicFilter::new_unchecked(filter), key);
        }
        if let Some((_, will)) = session.absence.and_then(|absence| absence.will) {
            self.publish_will(&will, session.access.as_deref());
        }
    }
}

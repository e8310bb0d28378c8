//! Enhanced authentication, MQTT 5.0 section 4.12: before the CONNACK, and again later.
//!
//! The shard keeps whose turn it is; what the data mean is the [`Authenticator`]'s. Its steps are
//! taken by the driver, wherever they may wait, and their answers come back as calls.

use super::Shard;
use super::connection::{CloseCause, Connection, ConnectionKey, Phase, Violation};
use super::exchange::{Authentication, Turn};
use crate::access::{Admission, Authenticator, Principal, Refusal, Step};
use crate::codec::properties::ReasonProperties;
use crate::codec::{Auth, Connect, Frame, PacketType, ReasonCode};
use crate::session::SessionKey;
use crate::time::Time;

/// A step of an authentication that is to be taken: it may wait, so that it is no work of the
/// shard's thread.
#[derive(Debug)]
pub struct AuthenticationStep {
    key: ConnectionKey,
    authenticator: Box<dyn Authenticator>,
    is_first: bool,
    data: Option<Vec<u8>>,
}

/// A step that was taken, for [`Shard::handle_authentication`].
#[derive(Debug)]
pub struct AuthenticationAnswer {
    key: ConnectionKey,
    authenticator: Option<Box<dyn Authenticator>>,
    step: Step,
}

/// What a Client has proved.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) principal: Principal,
    /// For the CONNACK.
    pub(super) data: Option<Vec<u8>>,
}

impl AuthenticationStep {
    /// Whose it is.
    pub const fn key(&self) -> ConnectionKey {
        self.key
    }

    /// Takes it.
    pub fn take(mut self) -> AuthenticationAnswer {
        let data = self.data.as_deref();
        let step = if self.is_first {
            self.authenticator.start(data)
        } else {
            self.authenticator.proceed(data)
        };
        AuthenticationAnswer { key: self.key, authenticator: Some(self.authenticator), step }
    }
}

impl AuthenticationAnswer {
    /// Stands for a step that could not be taken.
    pub fn unavailable(key: ConnectionKey) -> Self {
        let step = Step::Refuse(ReasonCode::ServerUnavailable.into());
        Self { key, authenticator: None, step }
    }
}

impl Authentication {
    /// The next step, if it is the Client's turn and `reason` fits it.
    fn step(
        &mut self,
        key: ConnectionKey,
        reason: ReasonCode,
        data: Option<&[u8]>,
    ) -> Option<AuthenticationStep> {
        let is_first = match (self.turn, reason) {
            (Turn::Settled, ReasonCode::ReAuthenticate) => true,
            (Turn::Client, ReasonCode::ContinueAuthentication) => false,
            _ => return None,
        };
        let authenticator = self.authenticator.take()?;
        self.turn = Turn::Server;
        let data = data.map(<[u8]>::to_vec);
        Some(AuthenticationStep { key, authenticator, is_first, data })
    }
}

impl Shard {
    /// A step of an authentication to [`take`](AuthenticationStep::take).
    pub fn poll_authentication(&mut self) -> Option<AuthenticationStep> {
        self.steps.pop_front()
    }

    /// Whether a Network Connection is open still.
    pub fn is_open(&self, key: ConnectionKey) -> bool {
        self.links.phase(key) != Phase::Closed
    }

    /// Goes on with what came of a step.
    pub fn handle_authentication(&mut self, now: Time, answer: AuthenticationAnswer) {
        self.now = now;
        let AuthenticationAnswer { key, authenticator, step } = answer;
        let phase = self.links.phase(key);
        let connection = self.links.get_mut(key).filter(|_| phase != Phase::Closed);
        let Some(authentication) = connection.and_then(Connection::authentication) else {
            return;
        };
        authentication.authenticator = authenticator;
        let handled = match (step, phase) {
            (Step::Continue(data), _) => {
                authentication.turn = Turn::Client;
                self.put_auth(key, ReasonCode::ContinueAuthentication, Some(&data))
            }
            (Step::Success { principal, data }, Phase::Connected(session)) => {
                authentication.turn = Turn::Settled;
                self.reauthenticated(key, session, principal, data.as_deref())
            }
            (Step::Success { principal, data }, _) => {
                authentication.turn = Turn::Settled;
                let body = std::mem::take(&mut authentication.connect);
                match Connect::decode(&body) {
                    Ok(connect) => self.let_in(key, &connect, Some(Proved { principal, data })),
                    Err(error) => Err(error.into()),
                }
            }
            (Step::Refuse(refusal), _) => Err(self.refuse_authentication(key, &refusal)),
        };
        if let Err(cause) = handled {
            self.close(key, cause);
        }
    }

    /// Lets a CONNECT with an Authentication Method wait for the end of the exchange.
    pub(super) fn begin_authentication(
        &mut self,
        key: ConnectionKey,
        body: &[u8],
        connect: &Connect<'_>,
        method: &str,
    ) -> Result<(), CloseCause> {
        let admission = self.links.get_mut(key).and_then(Connection::take_admission);
        let authenticator = match admission.map(|admission| *admission) {
            Some(Admission::Authenticator(authenticator)) => authenticator,
            Some(Admission::Refused(refusal)) => return Err(self.refuse(key, &refusal)),
            Some(Admission::Granted(_)) | None => {
                return Err(self.refuse(key, &ReasonCode::BadAuthenticationMethod.into()));
            }
        };
        let data = connect.properties.authentication_data.map(<[u8]>::to_vec);
        self.steps.push_back(AuthenticationStep { key, authenticator, is_first: true, data });
        if let Some(connection) = self.links.get_mut(key) {
            connection.phase = Phase::Authenticating;
            connection.rare_mut().authentication = Some(Box::new(Authentication {
                method: method.into(),
                authenticator: None,
                turn: Turn::Server,
                connect: body.to_vec(),
            }));
        }
        Ok(())
    }

    /// What a Client sends before its CONNECT is answered.
    pub(super) fn handle_authenticating(
        &mut self,
        key: ConnectionKey,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        frame.header.check_version(self.links.protocol(key))?;
        match frame.header.packet {
            PacketType::Auth => self.handle_auth(key, frame.body),
            PacketType::Disconnect => Err(CloseCause::Disconnect),
            packet => Err(Violation::NotAuthenticated(packet).into()),
        }
    }

    /// AUTH of the Client.
    pub(super) fn handle_auth(
        &mut self,
        key: ConnectionKey,
        body: &[u8],
    ) -> Result<(), CloseCause> {
        let connection = self.links.get_mut(key);
        let Some(authentication) = connection.and_then(Connection::authentication) else {
            return Err(Violation::UnexpectedAuth.into());
        };
        let auth = Auth::decode(body)?;
        if auth.authentication_method != &*authentication.method {
            return Err(Violation::AuthenticationMethod.into());
        }
        let step = authentication.step(key, auth.reason, auth.authentication_data);
        self.steps.push_back(step.ok_or(Violation::UnexpectedAuth)?);
        Ok(())
    }

    /// The Client has proved again who it is, and is to have the rights of that.
    fn reauthenticated(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        principal: Principal,
        data: Option<&[u8]>,
    ) -> Result<(), CloseCause> {
        let state = self.sessions.get(session);
        let identifier = state.map(|state| state.client_identifier.clone()).unwrap_or_default();
        match self.grant_to(principal, identifier) {
            Ok(access) => self.set_access(session, access),
            Err(refusal) => return Err(self.refuse_authentication(key, &refusal)),
        }
        self.put_auth(key, ReasonCode::Success, data)
    }

    fn put_auth(
        &mut self,
        key: ConnectionKey,
        reason: ReasonCode,
        data: Option<&[u8]>,
    ) -> Result<(), CloseCause> {
        let connection = self.links.get_mut(key);
        let Some(authentication) = connection.and_then(Connection::authentication) else {
            return Ok(());
        };
        let mut packet = Vec::new();
        let fits = data.is_none_or(|data| u16::try_from(data.len()).is_ok());
        if fits {
            let properties = ReasonProperties::NONE;
            let authentication_method = &*authentication.method;
            Auth { reason, authentication_method, authentication_data: data, properties }
                .encode(&mut packet);
        }
        if !fits || packet.len() > self.links.packet_bytes_max(key) {
            let refusal = ReasonCode::PacketTooLarge.into();
            return Err(self.refuse_authentication(key, &refusal));
        }
        self.links.put(key, &packet, None);
        Ok(())
    }

    /// A CONNACK ends what a CONNECT began, a DISCONNECT a re-authentication.
    fn refuse_authentication(&mut self, key: ConnectionKey, refusal: &Refusal) -> CloseCause {
        if matches!(self.links.phase(key), Phase::Connected(_)) {
            CloseCause::AuthenticationFailed(refusal.reason.in_disconnect())
        } else {
            self.refuse(key, refusal)
        }
    }
}

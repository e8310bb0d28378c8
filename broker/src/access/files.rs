//! Access by a password file and an ACL file.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use argon2::password_hash::try_generate_salt;
use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Identity, Principal, QoS, Rights};
use sha2::{Digest, Sha256};

use super::acl::Acl;
use super::error::AccessFileError;
use super::passwords::Passwords;
use super::stored_hash::is_same;
use super::{Access, Credentials, Refusal};

/// Where passwords and rules are, and who may come in without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessFiles {
    /// Whether a Client without a user name may come in.
    pub allow_anonymous: bool,
    /// `USER:HASH` lines: argon2, and mosquitto's `$7$` and `$6$`. Without it no user name can be
    /// proved: all Clients are anonymous.
    pub password_file: Option<PathBuf>,
    /// Rules in mosquitto's format. Without it everybody who is in may do everything.
    pub acl_file: Option<PathBuf>,
    /// Whether user names come from certificates, too, by
    /// [`Tls::use_identity_as_username`](crate::Tls::use_identity_as_username): they need no
    /// password file.
    pub certified_users: bool,
}

/// [`Access`] by files that can be read anew while the broker runs.
pub struct FileAccess {
    files: AccessFiles,
    rules: RwLock<Arc<Rules>>,
    /// For each user the keyed digest of the password that was right last: hashes are slow on
    /// purpose, and a thousand displays may share one user.
    proved: Mutex<HashMap<Box<str>, Proof>>,
    key: [u8; 16],
}

/// A password that was right.
#[derive(Clone, Copy)]
struct Proof {
    mark: u64,
    digest: [u8; 32],
}

#[derive(Debug)]
struct Rules {
    passwords: Option<Passwords>,
    acl: Option<Acl>,
}

impl Rules {
    fn load(files: &AccessFiles) -> Result<Self, AccessFileError> {
        let passwords = files.password_file.as_deref().map(Passwords::load).transpose()?;
        let acl = files.acl_file.as_deref().map(Acl::load).transpose()?;
        if let (None, Some(acl), Some(path)) = (&passwords, &acl, &files.acl_file)
            && acl.names_users()
            && !files.certified_users
        {
            return Err(AccessFileError::NoPasswords { path: path.clone() });
        }
        Ok(Self { passwords, acl })
    }
}

impl FileAccess {
    /// Reads the files.
    pub fn load(files: AccessFiles) -> Result<Self, AccessFileError> {
        let rules = RwLock::new(Arc::new(Rules::load(&files)?));
        let key = try_generate_salt().map_err(|error| AccessFileError::Hash(error.to_string()))?;
        Ok(Self { files, rules, proved: Mutex::default(), key })
    }

    /// Reads the files again. When one cannot be used, everything stays as it was. To be followed
    /// by [`Broker::recheck_access`](crate::Broker::recheck_access).
    pub fn reload(&self) -> Result<(), AccessFileError> {
        let rules = Arc::new(Rules::load(&self.files)?);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.proved.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn check(&self, passwords: &Passwords, user_name: &str, password: &[u8]) -> Option<Principal> {
        let Some(user) = passwords.user(user_name) else {
            // The time that it takes is not to tell who exists.
            passwords.anyone().map(|user| user.hash.verify(password));
            return None;
        };
        let digest = Sha256::new().chain_update(self.key).chain_update(password).finalize();
        let digest: [u8; 32] = digest.into();
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = proved.get(user_name).copied();
        drop(proved);
        let is_known =
            known.is_some_and(|known| known.mark == user.mark && is_same(&known.digest, &digest));
        if !is_known {
            if !user.hash.verify(password) {
                return None;
            }
            let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
            proved.insert(user_name.into(), Proof { mark: user.mark, digest });
        }
        let user_name = Some(user_name.into());
        Some(Principal { user_name, mark: user.mark, is_certified: false })
    }
}

impl Access for FileAccess {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        let rules = self.rules();
        if credentials.is_certified {
            // As mosquitto has it: where names are certified, nobody comes in without.
            let user_name = credentials.user_name.ok_or(Refusal::BadUserNameOrPassword)?;
            let user_name = Some(user_name.into());
            return Ok(Principal { user_name, mark: 0, is_certified: true });
        }
        match (&rules.passwords, credentials.user_name) {
            (Some(passwords), Some(user_name)) => {
                let password = credentials.password.unwrap_or_default();
                let principal = self.check(passwords, user_name, password);
                principal.ok_or(Refusal::BadUserNameOrPassword)
            }
            _ if self.files.allow_anonymous => Ok(Principal::default()),
            _ => Err(Refusal::NotAuthorized),
        }
    }

    fn admits(&self, client: &Identity) -> bool {
        let Principal { user_name, mark, is_certified } = &client.principal;
        if *is_certified {
            return true;
        }
        let Some(user_name) = user_name else {
            return self.files.allow_anonymous;
        };
        let rules = self.rules();
        let user = rules.passwords.as_ref().and_then(|passwords| passwords.user(user_name));
        user.is_some_and(|user| user.mark == *mark)
    }

    fn prepared_rights(&self, client: &Identity) -> Option<Arc<dyn Rights>> {
        Some(match &self.rules().acl {
            Some(acl) => Arc::new(acl.rights(client)),
            None => Arc::new(Everything),
        })
    }
}

impl fmt::Debug for FileAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAccess").field("files", &self.files).finish_non_exhaustive()
    }
}

/// The rights of everybody where there are no rules.
struct Everything;

impl Rights for Everything {
    fn may_publish(&self, _: TopicName<'_>, _: QoS, _: bool) -> bool {
        true
    }

    fn may_subscribe(&self, _: TopicFilter<'_>, _: QoS) -> bool {
        true
    }

    fn may_receive(&self, _: TopicName<'_>) -> bool {
        true
    }
}

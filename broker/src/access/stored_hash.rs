//! Password hashes as password files hold them.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha512};

use super::error::{AccessFileError, Problem};

/// Bytes of a SHA-512 digest, and of what the PBKDF2 of mosquitto derives.
const DIGEST_BYTES: usize = 64;

/// What a password is held against.
#[derive(Clone, Debug)]
pub(super) enum StoredHash {
    /// A PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    Argon2(Box<PasswordHash>),
    /// `$7$iterations$salt$hash`: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 { iterations: u32, salt: Vec<u8>, digest: [u8; DIGEST_BYTES] },
    /// `$6$salt$hash`: SHA-512 of the password and the salt, once.
    Sha512 { salt: Vec<u8>, digest: [u8; DIGEST_BYTES] },
}

impl StoredHash {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        if text.starts_with("$argon2") {
            return parse_argon2(text);
        }
        if let Some(rest) = text.strip_prefix("$7$") {
            let (iterations, rest) = split(rest)?;
            let iterations = iterations.parse().ok().filter(|&count| count > 0);
            let iterations = iterations.ok_or(Problem::DamagedHash("no number of iterations"))?;
            let (salt, digest) = parse_salted(rest)?;
            return Ok(Self::Pbkdf2 { iterations, salt, digest });
        }
        if let Some(rest) = text.strip_prefix("$6$") {
            let (salt, digest) = parse_salted(rest)?;
            return Ok(Self::Sha512 { salt, digest });
        }
        Err(if text.starts_with('$') { Problem::UnknownHash } else { Problem::PlainPassword })
    }

    /// Whether this is the password. Takes as long as the hash was made to take.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default().verify_password(password, &**hash).is_ok(),
            Self::Pbkdf2 { iterations, salt, digest } => {
                let mut derived = [0; DIGEST_BYTES];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *iterations, &mut derived);
                is_same(&derived, digest)
            }
            Self::Sha512 { salt, digest } => {
                let made = Sha512::new().chain_update(password).chain_update(salt).finalize();
                is_same(&made, digest)
            }
        }
    }
}

/// Hashes a password with argon2id and a random salt.
pub(super) fn hash_password(password: &[u8]) -> Result<String, AccessFileError> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password);
    hash.map(|hash| hash.to_string()).map_err(|error| AccessFileError::Hash(error.to_string()))
}

fn parse_argon2(text: &str) -> Result<StoredHash, Problem> {
    let hash = PasswordHash::new(text).map_err(|_| Problem::DamagedHash("not a PHC string"))?;
    if hash.hash.is_none() || hash.salt.is_none() {
        return Err(Problem::DamagedHash("salt or hash are missing"));
    }
    let algorithm = argon2::Algorithm::try_from(hash.algorithm.as_str());
    algorithm.map_err(|_| Problem::DamagedHash("no such variant of argon2"))?;
    argon2::Params::try_from(&hash).map_err(|_| Problem::DamagedHash("bad parameters"))?;
    Ok(StoredHash::Argon2(Box::new(hash)))
}

fn parse_salted(text: &str) -> Result<(Vec<u8>, [u8; DIGEST_BYTES]), Problem> {
    let (salt, digest) = split(text)?;
    let salt = Base64::decode_vec(salt).map_err(|_| Problem::DamagedHash("salt is no base64"))?;
    let digest =
        Base64::decode_vec(digest).map_err(|_| Problem::DamagedHash("hash is no base64"))?;
    let digest = digest.try_into().map_err(|_| Problem::DamagedHash("hash is not 64 bytes"))?;
    Ok((salt, digest))
}

fn split(text: &str) -> Result<(&str, &str), Problem> {
    text.split_once('$').ok_or(Problem::DamagedHash("a part is missing"))
}

/// Looks at all bytes in any case, so that the time says nothing.
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

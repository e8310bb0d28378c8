//! Password files of this broker and of mosquitto 2.0.

use std::path::Path;

use super::super::error::{AccessFileError, Problem};
use super::super::passwords::Passwords;
use super::super::stored_hash::StoredHash;
use super::super::{Access, AccessFiles, Credentials, FileAccess, PasswordFile, Refusal};

/// Made by `mosquitto_passwd` 2.0.11: `-U` on `alice:secret` and `bob:hunter2`, `-H sha512 -U` on
/// `carol:x y`.
const MOSQUITTO: &str = "\
alice:$7$101$CcftMdjrQH1Nj8C+$EW7wzAFIxFn8ytztqX/vlTEwC+9qj78tqrR9rUvUp8Hw/Ta8+10Hs+vaunRag29WWsOdzeTvP4c7bngzuuhDMQ==
bob:$7$101$N5UwiWT6NBRT0VVr$ifZ4SZsXyjncvNQBvZDBWmF3FogLtUCr3eM9NDnSr13xnU54VZTkV/KN5JbxpxQH0Aj6LT8tbdm1TPbkydro+A==
carol:$6$t4psCPCNSG4vJ+//$S3AQ+Gzn+DTEkCV3eoFS2CqmczXkXq8CNd+T6vxl8MA4ofgI7KJ4/k33pzRJedC4E59kzfCvxv7AsLEOyv1CPw==
";

/// argon2id of `open sesame` as the reference implementation of argon2 gives it for these
/// parameters, which are weak so that a test is quick.
const DAVE: &str =
    "dave:$argon2id$v=19$m=64,t=1,p=1$c29tZSBzYWx0IQ$JMDgsV9ohrMiHei7rNmX+zF6H7a0Pk0/7eris7s0VK4\n";

fn parse(text: &str) -> Result<Passwords, AccessFileError> {
    Passwords::parse(Path::new("users"), text)
}

#[test]
fn the_lines_of_mosquitto_and_of_argon2_are_read_as_they_are() {
    let text = format!("# a comment\n\n{MOSQUITTO}{DAVE}");
    let passwords = parse(&text).expect("all lines are good");
    for (user, password) in
        [("alice", "secret"), ("bob", "hunter2"), ("carol", "x y"), ("dave", "open sesame")]
    {
        let hash = &passwords.user(user).expect("there is such a line").hash;
        assert!(hash.verify(password.as_bytes()), "{user}");
        assert!(!hash.verify(format!("{password} ").as_bytes()), "{user}");
        assert!(!hash.verify(b""), "{user}");
    }
    assert!(passwords.user("eve").is_none());
}

#[test]
fn a_new_hash_is_argon2id_and_salted() {
    let hash = super::super::stored_hash::hash_password(b"secret").expect("there is memory");
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    assert!(StoredHash::parse(&hash).expect("it was made here").verify(b"secret"));
    let again = super::super::stored_hash::hash_password(b"secret").expect("there is memory");
    assert_ne!(hash, again);
}

#[test]
fn malformed_lines_are_named() {
    let digest = "A".repeat(86) + "==";
    for (line, expected) in [
        ("alice", Problem::NoColon),
        (":$6$AA==$AA==", Problem::NoUserName),
        ("alice:secret", Problem::PlainPassword),
        ("alice:", Problem::PlainPassword),
        ("alice:$2b$10$abc", Problem::UnknownHash),
        ("alice:$7$x$AAAA$AAAA", Problem::DamagedHash("no number of iterations")),
        ("alice:$7$0$AAAA$AAAA", Problem::DamagedHash("no number of iterations")),
        ("alice:$7$101", Problem::DamagedHash("a part is missing")),
        ("alice:$7$101$AAAA", Problem::DamagedHash("a part is missing")),
        ("alice:$6$%%%%$AAAA", Problem::DamagedHash("salt is no base64")),
        ("alice:$6$AAAA$%%%%", Problem::DamagedHash("hash is no base64")),
        ("alice:$6$AAAA$AAAA", Problem::DamagedHash("hash is not 64 bytes")),
        ("alice:$argon2id$v=19$m=64", Problem::DamagedHash("salt or hash are missing")),
        (
            "alice:$argon2x$v=19$m=64,t=1,p=1$c29tZSBzYWx0IQ",
            Problem::DamagedHash("salt or hash are missing"),
        ),
        ("alice:$argon2id$$$", Problem::DamagedHash("not a PHC string")),
        (&format!("bob:$6$AAAA${digest}"), Problem::DuplicateUser),
    ] {
        let text = format!("bob:$6$AAAA${digest}\n# fine so far\n{line}\n");
        match parse(&text) {
            Err(AccessFileError::Line { line: 3, problem, path }) => {
                assert_eq!((problem, path.as_path()), (expected, Path::new("users")), "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("kelvin-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is a folder for temporary files");
    folder
}

#[test]
fn a_changed_file_keeps_its_other_lines() {
    let path = folder("change").join("users");
    std::fs::write(&path, format!("# ours\n{MOSQUITTO}")).expect("it can be written");
    let mut file = PasswordFile::load(&path).expect("all lines are good");
    assert!(!file.set("alice", b"new").expect("a good name"));
    assert!(file.set("erin", b"e").expect("a good name"));
    assert!(file.remove("bob"));
    assert!(!file.remove("bob"));
    file.store(&path).expect("it can be written");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let users: Vec<_> = text.lines().map(|line| line.split(':').next()).collect();
    assert_eq!(users, [Some("# ours"), Some("alice"), Some("carol"), Some("erin")]);
    let carol = MOSQUITTO.lines().nth(2).expect("three lines");
    assert!(text.contains(carol));
    for name in ["", "a:b", "a\nb", "#a"] {
        assert!(matches!(file.set(name, b"x"), Err(AccessFileError::UserName)), "{name:?}");
    }
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("it is ours");
}

#[test]
fn who_is_who() {
    let path = folder("who").join("users");
    std::fs::write(&path, MOSQUITTO).expect("it can be written");
    let load = |allow_anonymous, password_file| {
        FileAccess::load(AccessFiles { allow_anonymous, password_file, ..AccessFiles::default() })
            .expect("a good file")
    };
    let ask = |access: &FileAccess, user_name, password: Option<&[u8]>| {
        let credentials = Credentials {
            client_identifier: "c",
            user_name,
            is_certified: false,
            password,
            common_name: None,
            listener: "unix:x",
            peer: None,
        };
        access.authenticate(&credentials).map(|principal| principal.user_name)
    };
    let access = load(false, Some(path.clone()));
    for _ in ["hashed", "known by now"] {
        let alice = ask(&access, Some("alice"), Some(b"secret"));
        assert_eq!(alice, Ok(Some("alice".into())));
        let bad = Err(Refusal::BadUserNameOrPassword);
        assert_eq!(ask(&access, Some("alice"), Some(b"hunter2")), bad);
        assert_eq!(ask(&access, Some("alice"), None), bad);
        assert_eq!(ask(&access, Some("nobody"), Some(b"secret")), bad);
    }
    assert_eq!(ask(&access, None, None), Err(Refusal::NotAuthorized));
    let access = load(true, Some(path.clone()));
    assert_eq!(ask(&access, None, None), Ok(None));
    assert_eq!(ask(&access, Some("alice"), None), Err(Refusal::BadUserNameOrPassword));
    // Without passwords a name is not believed.
    assert_eq!(ask(&load(true, None), Some("alice"), Some(b"secret")), Ok(None));
    std::fs::remove_dir_all(path.parent().expect("a folder")).expect("it is ours");
}

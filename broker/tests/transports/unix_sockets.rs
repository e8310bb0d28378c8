//! Unix sockets are files that somebody else may have left, or still hold.

use std::os::unix::net::UnixListener;

use broker::{Broker, StartError};

use crate::client::Client;
use crate::server::{Authority, Folder, unix_listener};

#[tokio::test]
async fn a_stale_file_makes_way_and_the_own_one_goes() {
    let folder = Folder::new();
    let path = folder.path("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the system leaves the file");
    let broker = Broker::builder().listen(unix_listener(&path)).start().unwrap();
    assert_eq!(broker.local_urls(), [format!("unix:{}", path.display())]);
    assert!(broker.local_addresses().is_empty());
    let authority = Authority::new("none");
    Client::open(&broker.local_urls()[0], &authority).await.connect("local").await;
    broker.stop();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_in_use_is_left_alone() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let first = Broker::builder().listen(unix_listener(&path)).start().unwrap();
    let error = Broker::builder().listen(unix_listener(&path)).start().unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().contains("another process listens on it"), "{error}");
    let authority = Authority::new("none");
    Client::open(&first.local_urls()[0], &authority).await.connect("local").await;
    first.stop();
    let other = folder.write("file", "something of value");
    let error = Broker::builder().listen(unix_listener(&other)).start().unwrap_err();
    assert!(error.to_string().contains("no socket"), "{error}");
    assert_eq!(std::fs::read_to_string(other).unwrap(), "something of value");
}

#[tokio::test]
async fn a_file_of_somebody_else_stays() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let broker = Broker::builder().listen(unix_listener(&path)).start().unwrap();
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    broker.stop();
    assert!(path.exists());
}

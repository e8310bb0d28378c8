//! Where a connection waits until its CONNECT tells which shard it belongs to.

use std::io;
use std::rc::Rc;

use broker_core::codec::{Connect, PacketType, split};
use broker_core::{Admission, CloseCause};
use tokio::io::AsyncReadExt;

use super::arrival::Arrival;
use super::connection::cause_of;
use super::mailbox::{HandedOver, Mail, Undelivered};
use super::{Driver, farewell};
use crate::transport::Stream;

/// Bytes that are read at once in the lobby; a CONNECT is seldom longer.
const READ_BYTES: usize = 1024;

impl Driver {
    /// Reads the CONNECT, has its credentials checked and hands the connection to the shard of its
    /// Client Identifier. What is wrong with it, that shard finds out again and answers.
    pub(super) async fn find_shard(self: Rc<Self>, mut stream: Stream, arrival: Arrival) {
        let peer = arrival.peer;
        let mut received = Vec::new();
        let timeout = self.shared.limits().connect_timeout;
        let look = async {
            let shard = self.read_connect(&mut stream, &mut received).await?;
            let name = stream.common_name();
            Ok::<_, io::Error>((shard, self.check_credentials(&received, name, &arrival).await))
        };
        let (shard, admission) = match tokio::time::timeout(timeout, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let cause = cause_of(&error);
                self.log.closed(peer, cause, None);
                self.count_end(cause);
                return farewell::close_stream(stream).await;
            }
            Err(_) => {
                self.log.no_connect(peer);
                self.count_end(CloseCause::ConnectTimeout);
                return farewell::close_stream(stream).await;
            }
        };
        let is_here = shard == self.index;
        let stream = match if is_here { stream.release() } else { stream.detach() } {
            Ok(stream) => stream,
            Err(error) => return tracing::error!("connection from {peer} got lost: {error}"),
        };
        if is_here {
            return self.adopt(stream, arrival, &received, admission);
        }
        let handed_over = Box::new(HandedOver { stream, arrival, received, admission });
        self.hand_over(shard, Mail::Connection(handed_over)).await;
    }

    /// `None` without access control, and when there are no credentials to check.
    async fn check_credentials(
        &self,
        received: &[u8],
        common_name: Option<&str>,
        arrival: &Arrival,
    ) -> Option<Admission> {
        let access = self.shared.access()?;
        let (frame, _) = split(received, self.shared.limits().connect_packet_bytes_max).ok()??;
        if frame.header.packet != PacketType::Connect {
            return None;
        }
        let connect = Connect::decode(frame.body).ok()?;
        Some(access.admit(&connect, common_name, arrival).await)
    }

    /// Counts a connection that came to its end here, as a shard counts those that it opened.
    fn count_end(&self, cause: CloseCause) {
        let mut core = self.core.borrow_mut();
        let key = core.open(self.now());
        core.handle_closed(self.now(), key, cause);
        self.call.call();
    }

    async fn hand_over(&self, shard: usize, mut mail: Mail) {
        let mailboxes = self.shared.mailboxes();
        while let Err(Undelivered::Full(returned)) = mailboxes.try_send(shard, mail) {
            mail = returned;
            mailboxes.wait_for_room(shard).await;
        }
    }

    /// The shard of the Client Identifier; this one when the bytes are no CONNECT or name none.
    async fn read_connect(&self, stream: &mut Stream, received: &mut Vec<u8>) -> io::Result<usize> {
        let size_max = self.shared.limits().connect_packet_bytes_max;
        loop {
            received.reserve(READ_BYTES);
            if stream.read_buf(received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Ok(found) = split(received, size_max) else { return Ok(self.index) };
            let Some((frame, _)) = found else { continue };
            if frame.header.packet != PacketType::Connect {
                return Ok(self.index);
            }
            return Ok(match Connect::decode(frame.body) {
                Ok(connect) if !connect.client_identifier.is_empty() => {
                    self.shared.group().shard_of(connect.client_identifier)
                }
                _ => self.index,
            });
        }
    }
}

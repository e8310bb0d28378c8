//! Connections with layers below MQTT, TLS or WebSocket: a task reads, and another one waits for a
//! full socket. The layers know their own state, which no event of a socket tells.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use broker_core::{CloseCause, ConnectionKey};
use tokio::io::ReadBuf;
use tokio::task::{spawn_local, yield_now};

use super::Driver;
use super::connection::cause_of;
use super::link::{Layers, SharedDuplex, Transport};
use super::share::{Room, Share};
use crate::transport::Duplex;

impl Driver {
    /// Starts to read.
    pub(super) fn start_duplex(
        self: &Rc<Self>,
        key: ConnectionKey,
        duplex: Box<dyn Duplex>,
    ) -> Layers {
        let duplex = Rc::new(RefCell::new(duplex));
        let reader = spawn_local(Rc::clone(self).serve_duplex(key, Rc::clone(&duplex)));
        Layers::new(duplex, reader.abort_handle())
    }

    async fn serve_duplex(self: Rc<Self>, key: ConnectionKey, duplex: SharedDuplex) {
        let (mut is_admitted, mut share) = (false, Share::WHOLE);
        loop {
            while self.is_congested() {
                self.relief.notified().await;
            }
            if self.is_backlogged(key) {
                self.until_output_moves(key).await;
            }
            let room = share.bytes();
            let received = poll_fn(|context| {
                if !is_admitted && self.core.borrow().is_client(key) {
                    is_admitted = true;
                    duplex.borrow_mut().admit(self.shared.limits().packet_bytes_max);
                }
                self.poll_receive(context, key, &duplex, &mut share)
            });
            match received.await {
                Ok(0) => return self.lose(key, CloseCause::Lost),
                Err(error) => return self.lose(key, cause_of(&error)),
                // There is more: let the others have their turn first.
                Ok(received) if received == room => yield_now().await,
                Ok(_) => {}
            }
        }
    }

    /// Reads once and hands the bytes to the core before anybody else uses the scratch buffer.
    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        key: ConnectionKey,
        duplex: &SharedDuplex,
        share: &mut Share,
    ) -> Poll<io::Result<usize>> {
        let mut scratch = self.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch[..share.bytes()]);
        ready!(Pin::new(&mut **duplex.borrow_mut()).poll_read(context, &mut buffer))?;
        let received = buffer.filled();
        if !received.is_empty() {
            *share = match self.take_in_bytes(key, received) {
                Room::Scratch(share) => share,
                // The layers have copied it already.
                Room::Packet => Share::WHOLE,
            };
        }
        Poll::Ready(Ok(received.len()))
    }

    /// Waits until the task that waits for the socket has got some output off.
    async fn until_output_moves(&self, key: ConnectionKey) {
        let mut waits = false;
        poll_fn(|context| {
            if std::mem::replace(&mut waits, true) {
                return Poll::Ready(());
            }
            self.with_layers(key, |layers| layers.hold_up(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Writes what waits for a connection, as far as its socket takes it now.
    pub(super) fn write_duplex(&self, key: ConnectionKey, layers: &Layers) -> io::Result<()> {
        let mut context = Context::from_waker(Waker::noop());
        let duplex = &mut **layers.duplex.borrow_mut();
        match self.poll_write_pending(&mut context, key, duplex) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Has a full socket waited for.
    pub(super) fn wait_for_socket(self: &Rc<Self>, key: ConnectionKey, layers: &mut Layers) {
        let duplex = Rc::clone(&layers.duplex);
        let waiter = spawn_local(Rc::clone(self).resume_duplex(key, duplex));
        layers.note_waiter(Some(waiter.abort_handle()));
    }

    async fn resume_duplex(self: Rc<Self>, key: ConnectionKey, duplex: SharedDuplex) {
        let written = poll_fn(|context| {
            let written = self.poll_write_pending(context, key, &mut **duplex.borrow_mut());
            self.note_output_moves(key);
            written
        });
        if written.await.is_err() {
            return self.lose(key, CloseCause::Lost);
        }
        self.with_layers(key, |layers| layers.note_waiter(None));
        self.resume(key);
    }

    fn with_layers(&self, key: ConnectionKey, act: impl FnOnce(&mut Layers)) {
        let mut links = self.links.borrow_mut();
        if let Some(Transport::Duplex(layers)) = links.get_mut(key).map(|link| &mut link.transport)
        {
            act(layers);
        }
    }
}

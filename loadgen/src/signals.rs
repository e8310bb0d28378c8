//! SIGINT and SIGTERM: the first ends the run and keeps what was measured, the second kills.

use std::io;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exit status of a run that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Turns true with the first signal. The thread that listens lives as long as the process.
pub fn interrupt() -> io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupts, mut terminations) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::Builder::new().name("kelvin-signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if sender.send_replace(true) {
                    #[expect(
                        clippy::exit,
                        reason = "the user asked twice; nothing may be in the way"
                    )]
                    std::process::exit(i32::from(INTERRUPTED));
                }
            }
        });
    })?;
    Ok(receiver)
}

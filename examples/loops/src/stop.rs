//! How a server is asked to stop: by an interrupt, as Ctrl-C sends it, or by a termination signal.

use std::io;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long calls that run may take to end once the stop was asked for.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Calls `stop` from a thread of its own when the first of the signals comes. A second one finds the program stopping already.
///
/// # Errors
///
/// The system does not let the signals be watched.
pub fn when_asked(stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop();
        }
    });
    Ok(())
}

//! How a server is asked to stop: a line on its standard input, or the end of it.

use std::io::BufRead;
use std::time::Duration;

/// How long calls that run may take to end once the stop was asked for.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Calls `stop` from a thread of its own, once, as soon as there is a line on the standard input or its end.
///
/// A program that meant to be stopped by signals would call it from its handler for those.
pub fn when_asked(stop: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        // An error ends the input, too.
        let _ = std::io::stdin().lock().read_line(&mut String::new());
        stop();
    });
}

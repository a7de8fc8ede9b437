//! How a long computation is asked to stop.
//!
//! Whoever starts the work keeps an [`Interrupt`] and may set it from another thread; the work
//! calls [`Interrupt::check`] between pieces that take a few milliseconds at most, and returns
//! [`Error::Interrupted`] up to its caller. The Python bindings set it on Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

/// A flag that one thread sets and the working threads read.
#[derive(Debug, Default)]
pub struct Interrupt(AtomicBool);

impl Interrupt {
    /// A flag that is not set; work that nobody will stop takes it as it is.
    pub const fn new() -> Self {
        Interrupt(AtomicBool::new(false))
    }

    /// Asks the work to stop.
    pub fn request(&self) {
        // Relaxed suffices: the flag carries no other memory along.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns [`Error::Interrupted`] once a stop was requested.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_the_work_only_after_a_request() {
        let interrupt = Interrupt::new();
        assert!(interrupt.check().is_ok());
        interrupt.request();
        assert!(matches!(interrupt.check(), Err(Error::Interrupted)));
    }
}

//! Runs heavy work outside the interpreter, and hears Ctrl-C meanwhile.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{cores, to_python_error};
use foundation::Interrupt;
use foundation::{Error, Result};

/// Time between two looks at the interpreter's signals.
const SIGNAL_PERIOD: Duration = Duration::from_millis(40);

/// More threads than this are a mistake of the caller.
const MOST_THREADS: usize = 1024;

/// Where the threads of a pool run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Placement {
    /// Where the system puts them.
    Anywhere,
    /// Each on its own core, if there is one for each: for work that keeps all of them busy and starts no threads.
    OwnCores,
}

/// Runs `work` in a pool of `threads` threads (`None`: one per core) with the GIL released.
///
/// Rayon operations inside `work` use that pool. The calling thread only waits, and looks for
/// signals; on Ctrl-C it sets the [`Interrupt`] that `work` was given, waits until `work` has
/// stopped, and raises what the signal handler raised.
pub(crate) fn interruptible<T: Send>(
    python: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    interruptible_at(Placement::Anywhere, python, threads, work)
}

/// The same with threads that are placed as told.
pub(crate) fn interruptible_at<T: Send>(
    placement: Placement,
    python: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce(&Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    let pool = pool(placement, threads).map_err(|error| to_python_error(python, error))?;
    let interrupt = Interrupt::new();
    let (outcome, signal) = python.detach(|| wait_for(&pool, &interrupt, work));
    if let Some(raised) = signal {
        return Err(raised);
    }
    match outcome {
        Some(outcome) => outcome.map_err(|error| to_python_error(python, error)),
        // Only a panic ends the work without an outcome, and the scope passes panics on.
        None => Err(to_python_error(python, Error::Interrupted)),
    }
}

/// Starts `work` in the pool and polls signals until it is done.
fn wait_for<T, F>(
    pool: &ThreadPool,
    interrupt: &Interrupt,
    work: F,
) -> (Option<Result<T>>, Option<PyErr>)
where
    T: Send,
    F: FnOnce(&Interrupt) -> Result<T> + Send,
{
    let (sender, receiver) = sync_channel(1);
    pool.in_place_scope(|scope| {
        scope.spawn(move |_| {
            // The receiver outlives the scope, so sending can't fail.
            let _ = sender.send(work(interrupt));
        });
        let mut signal = None;
        loop {
            match receiver.recv_timeout(SIGNAL_PERIOD) {
                Ok(outcome) => return (Some(outcome), signal),
                Err(RecvTimeoutError::Disconnected) => return (None, signal),
                Err(RecvTimeoutError::Timeout) if signal.is_none() => {
                    if let Err(raised) = Python::attach(|python| python.check_signals()) {
                        interrupt.request();
                        signal = Some(raised);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    })
}

/// The number of threads that is asked for.
///
/// # Errors
/// `Error::Input` for a number out of range.
pub(crate) fn count_threads(threads: Option<usize>) -> Result<usize> {
    let threads = threads.unwrap_or_else(default_threads);
    if (1..=MOST_THREADS).contains(&threads) {
        return Ok(threads);
    }
    Err(Error::input(
        format!("threads is {threads}"),
        format!("give 1 to {MOST_THREADS}, or None for one per core"),
    ))
}

/// The pool of that many threads so placed, built on first use and kept.
///
/// Pools are kept by process: threads don't survive `fork`, and a forked child (a data loader's
/// worker) that waited for its parent's pool would wait for ever.
fn pool(placement: Placement, threads: Option<usize>) -> Result<Arc<ThreadPool>> {
    type Pools = HashMap<(u32, Placement, usize), Arc<ThreadPool>>;
    static POOLS: LazyLock<Mutex<Pools>> = LazyLock::new(Mutex::default);

    let threads = count_threads(threads)?;
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    match pools.entry((std::process::id(), placement, threads)) {
        Entry::Occupied(pool) => Ok(Arc::clone(pool.get())),
        Entry::Vacant(place) => {
            let mut builder = ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("cslir-{index}"));
            if placement == Placement::OwnCores {
                builder = builder.start_handler(cores::keep_to_one_of(threads));
            }
            builder
                .build()
                .map(|pool| Arc::clone(place.insert(Arc::new(pool))))
                .map_err(|failure| {
                    Error::input(
                        format!("can't start {threads} threads: {failure}"),
                        "give a smaller number of threads",
                    )
                })
        }
    }
}

/// `RAYON_NUM_THREADS`, or one thread per core that this process may use.
pub(crate) fn default_threads() -> usize {
    // Counting the cores reads several files of the system, so it is done once.
    static THREADS: LazyLock<usize> = LazyLock::new(|| {
        std::env::var("RAYON_NUM_THREADS")
            .ok()
            .and_then(|text| text.parse().ok())
            .filter(|count| (1..=MOST_THREADS).contains(count))
            .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1)
    });
    *THREADS
}

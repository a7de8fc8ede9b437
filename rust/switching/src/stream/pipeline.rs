//! Reads, works and writes at the same time: the work in parallel, the writing in the order of reading.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::Interrupt;
use crate::{Error, Result};

/// Time between two looks at the interrupt while waiting.
const PATIENCE: Duration = Duration::from_millis(30);

/// What the threads share.
struct State<B, R> {
    waiting: VecDeque<(u64, usize, B)>,
    done: BTreeMap<u64, (usize, Result<R>)>,
    /// Blocks read so far.
    read: u64,
    /// Weight of the blocks that were read and not yet written.
    in_flight: usize,
    ended: bool,
    stopped: bool,
}

struct Queue<B, R> {
    state: Mutex<State<B, R>>,
    changed: Condvar,
}

impl<B, R> Queue<B, R> {
    fn lock(&self) -> MutexGuard<'_, State<B, R>> {
        // The state is whole at every moment that the lock is free, even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` gives something, or until the work was stopped.
    fn wait<T>(&self, mut ready: impl FnMut(&mut State<B, R>) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        while !state.stopped {
            if let Some(found) = ready(&mut state) {
                self.changed.notify_all();
                return Some(found);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }
}

/// Stops the other threads when its own ends, by a panic too.
struct StopAtEnd<'q, B, R>(&'q Queue<B, R>);

impl<B, R> Drop for StopAtEnd<'_, B, R> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Stops the other threads if its own panics.
struct StopOnPanic<'q, B, R>(&'q Queue<B, R>);

impl<B, R> Drop for StopOnPanic<'_, B, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// How many threads work, and how much is read ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) threads: usize,
    /// Greatest weight of all that was read and not yet written; one heavier block goes alone.
    pub(super) in_flight: usize,
}

/// Gives what `read` yields to `work` on several threads, and its results in order to `write` on this one.
///
/// # Errors
/// The first error in the order of reading, or `Error::Interrupted`; all before it was written.
pub(super) fn run<B: Send, R: Send, S>(
    limits: Limits,
    mut read: impl FnMut() -> Result<Option<(usize, B)>> + Send,
    new_worker: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, B) -> Result<R> + Sync,
    mut write: impl FnMut(R) -> Result<()>,
    interrupt: &Interrupt,
) -> Result<()> {
    let queue: Queue<B, R> = Queue {
        state: Mutex::new(State {
            waiting: VecDeque::new(),
            done: BTreeMap::new(),
            read: 0,
            in_flight: 0,
            ended: false,
            stopped: false,
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        let queue = &queue;
        let _stop = StopAtEnd(queue);
        let reader = Builder::new().name("cslir-read".to_owned());
        let reading = reader.spawn_scoped(scope, move || {
            let _stop = StopOnPanic(queue);
            while read_one(queue, limits.in_flight, &mut read) {}
        });
        reading.map_err(no_thread)?;
        for number in 0..limits.threads {
            let (new_worker, work) = (&new_worker, &work);
            let worker = Builder::new().name(format!("cslir-work-{number}"));
            let working = worker.spawn_scoped(scope, move || {
                let _stop = StopOnPanic(queue);
                let mut worker = new_worker();
                while let Some((number, weight, block)) = next_waiting(queue) {
                    let result = work(&mut worker, block);
                    queue.lock().done.insert(number, (weight, result));
                    queue.changed.notify_all();
                }
            });
            working.map_err(no_thread)?;
        }
        let mut number = 0;
        while let Some((weight, result)) = next_done(queue, number, interrupt)? {
            write(result?)?;
            queue.lock().in_flight -= weight;
            queue.changed.notify_all();
            number += 1;
        }
        Ok(())
    })
}

fn no_thread(failure: std::io::Error) -> Error {
    Error::input(
        format!("can't start a thread: {failure}"),
        "give a smaller number of threads",
    )
}

/// Reads a block and queues it; false at the end.
fn read_one<B, R>(
    queue: &Queue<B, R>,
    most: usize,
    read: &mut impl FnMut() -> Result<Option<(usize, B)>>,
) -> bool {
    let block = read();
    let weight = match &block {
        Ok(Some((weight, _))) => *weight,
        _ => 0,
    };
    let fits = |state: &mut State<B, R>| {
        (state.in_flight == 0 || state.in_flight + weight <= most).then_some(())
    };
    if queue.wait(fits).is_none() {
        return false;
    }
    let mut state = queue.lock();
    let number = state.read;
    match block {
        Ok(Some((_, block))) => {
            state.in_flight += weight;
            state.waiting.push_back((number, weight, block));
            state.read += 1;
        }
        Ok(None) => state.ended = true,
        Err(error) => {
            state.done.insert(number, (0, Err(error)));
            state.read += 1;
            state.ended = true;
        }
    }
    queue.changed.notify_all();
    !state.ended
}

/// The next block to work on; `None` when there will be no more.
fn next_waiting<B, R>(queue: &Queue<B, R>) -> Option<(u64, usize, B)> {
    let next = queue.wait(|state| match state.waiting.pop_front() {
        None if !state.ended => None,
        other => Some(other),
    });
    next.flatten()
}

/// Result number `number`; `None` when all were given.
fn next_done<B, R>(
    queue: &Queue<B, R>,
    number: u64,
    interrupt: &Interrupt,
) -> Result<Option<(usize, Result<R>)>> {
    let mut state = queue.lock();
    loop {
        interrupt.check()?;
        if let Some(result) = state.done.remove(&number) {
            return Ok(Some(result));
        }
        if state.ended && number == state.read {
            return Ok(None);
        }
        if state.stopped {
            // A thread panicked; the scope passes that on.
            return Err(Error::Interrupted);
        }
        let waited = queue.changed.wait_timeout(state, PATIENCE);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

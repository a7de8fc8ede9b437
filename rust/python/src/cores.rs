//! A core for each thread, where there are as many threads as cores.
//!
//! Linux wakes a thread on the core where it slept unless it finds an idle one, and in a virtual machine it does not
//! take a core for idle that the host has put to sleep. So two workers that once slept on one core can be woken
//! there together and share it for a whole search, while the other core sleeps. With a thread for every core there
//! is nothing that the scheduler could do better than to give each its own.
//!
//! Only searches do so. What a thread starts inherits its cores, and work that leaves most of the threads asleep would
//! crowd onto the first core of all processes.

/// What a thread of a pool of so many does first: the thread with number i keeps to the i-th core that the process
/// may use, if there is one core for each thread.
#[cfg(target_os = "linux")]
pub(crate) fn keep_to_one_of(threads: usize) -> impl Fn(usize) + Send + Sync + 'static {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed: Vec<usize> = sched_getaffinity(None).map_or_else(
        |_| Vec::new(),
        |set| {
            (0..CpuSet::MAX_CPU)
                .filter(|core| set.is_set(*core))
                .collect()
        },
    );
    move |thread| {
        if let Some(core) = allowed.get(thread).filter(|_| allowed.len() == threads) {
            let mut own = CpuSet::new();
            own.set(*core);
            // Where it is not permitted, all is as it was.
            let _ = sched_setaffinity(None, &own);
        }
    }
}

/// Nothing: other systems are not known to need it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_to_one_of(_threads: usize) -> impl Fn(usize) + Send + Sync + 'static {
    |_| {}
}

//! Code-switching from file to file: constant memory, all cores, order kept, resumable.
//!
//! One thread reads and decompresses blocks of whole lines, as many as wanted find the texts of a block
//! ([`Layout`]), switch them, put them back and compress the block, and one writes the blocks in order. All
//! bytes that are not switched stay: of a JSON object only the strings that were changed are written anew.
//! Where blocks are cut depends on the input alone, each is compressed by itself, and the draws depend on
//! (seed, epoch, record id, field), so the output is the same for any number of threads, and for a run that
//! was broken off and continued.
//!
//! The output is written to `OUT.part` and renamed at the end. Every few seconds the output is flushed to disk
//! and `OUT.part.json` tells how far it is and what it depends on. A run that finds both, with the same
//! input and settings, goes on from there.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::Interrupt;
use crate::switch::{Counts, Switcher};
use crate::{Error, Result};

mod destination;
mod journal;
mod jsonl;
mod pipeline;
mod plan;
mod source;
mod spans;
mod texts;
mod tsv;
mod worker;

pub use plan::Layout;
pub use source::LONGEST_LINE;

use destination::{Checkpoints, Destination};
use journal::{Journal, Progress};
use pipeline::Limits;
use plan::Plan;
use source::{BLOCK_BYTES, Block, Position, Source};
use worker::{SwitchedBlock, Worker};

/// Bytes read ahead of what is written, for each thread and in all: what bounds the memory.
const IN_FLIGHT_PER_THREAD: usize = 4 << 20;
const IN_FLIGHT: usize = 48 << 20;

/// With spans, which may be eight times longer than the text.
const IN_FLIGHT_WITH_SPANS: usize = 8 << 20;

/// Time between two journals.
const CHECKPOINT_PERIOD: Duration = Duration::from_secs(5);

/// What a record is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordIds {
    /// By its first column, or its `_id`, `id`, `doc_id` or `query_id`.
    Named,
    /// By the number of its line, from 1; the first column is a text.
    LineNumbers,
}

/// What to switch, and how.
#[derive(Clone, Debug)]
pub struct Job<'j> {
    /// A `.tsv` or `.jsonl`, plain or compressed.
    pub source: &'j Path,
    /// Where the output goes, compressed by suffix (`.gz`, `.zst`, `.xz`).
    pub destination: &'j Path,
    /// Lexicons and options.
    pub switcher: &'j Switcher,
    /// The keys of the texts, or the numbers of their columns; if empty `title` and `text`, or all columns.
    pub fields: Vec<String>,
    /// `translation_prob` of single fields, instead of the switcher's.
    pub translation_probs: Vec<(String, f64)>,
    /// What the draws of a record depend on.
    pub record_ids: RecordIds,
    /// Training epoch.
    pub epoch: u64,
    /// Threads that switch; one more reads and one writes.
    pub threads: usize,
    /// Where what was replaced is told, a line of JSON for each record; compressed by suffix.
    pub spans: Option<&'j Path>,
    /// Ignore an unfinished run.
    pub restart: bool,
    /// A journal is written after so many bytes of output, too.
    pub checkpoint_bytes: u64,
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Records in all.
    pub records: u64,
    /// What became of their tokens.
    pub counts: Counts,
    /// Bytes of the input, decompressed.
    pub input_bytes: u64,
    /// Bytes of the output as it is on disk.
    pub output_bytes: u64,
    /// Lines that an earlier run had done.
    pub resumed_after_line: u64,
    /// Bytes of the input that this run has done, decompressed.
    pub own_bytes: u64,
    /// Time this run took.
    pub elapsed: Duration,
}

/// Who watches a run.
pub trait Observer: Sync {
    /// So many bytes of the input file are done, of so many in all, if that is known; and so many records.
    ///
    /// # Errors
    /// Any error stops the run.
    fn progress(&self, done: u64, total: Option<u64>, records: u64) -> Result<()>;

    /// Something that the user should know.
    fn notice(&self, message: &str);
}

/// Switches a file.
///
/// # Errors
/// `Error::Input` with path and line for an input or a setting that can't be used; the unfinished output is
/// removed. `Error::Io` and `Error::Interrupted`; the unfinished output stays for the next run.
pub fn switch_file(
    job: &Job<'_>,
    observer: &dyn Observer,
    interrupt: &Interrupt,
) -> Result<Summary> {
    let started = Instant::now();
    let plan = Plan::new(job)?;
    let fingerprint = source::fingerprint(job.source)?;
    destination::refuse_same_file(job.source, job.destination, job.spans)?;
    let resumable = fingerprint.is_some();
    let settings = plan.settings(fingerprint.unwrap_or_default(), job.spans);
    let earlier = (resumable && !job.restart).then_some(&settings);
    let (mut destination, progress) =
        Destination::open(job.destination, job.spans, earlier, observer)?;
    let mut run = Run {
        job,
        plan: &plan,
        observer,
        interrupt,
        first: progress.position,
        journal: Journal { settings, progress },
        resumable,
    };
    let outcome = run.go(&mut destination);
    match outcome {
        Ok(()) => destination.finish()?,
        Err(error) => {
            match &error {
                Error::Interrupted | Error::Io { .. }
                    if resumable && run.journal.progress.written > 0 =>
                {
                    // What was written is good whatever went wrong; failing to say so loses only time.
                    let checkpoints = destination.checkpoints();
                    let _ = checkpoints.and_then(|checkpoints| checkpoints.write(&run.journal));
                }
                _ => destination.abandon(),
            }
            return Err(error);
        }
    }
    let Progress {
        position,
        written,
        spans_written: _,
        records,
        counts,
    } = run.journal.progress;
    Ok(Summary {
        records,
        counts,
        input_bytes: position.offset,
        output_bytes: written,
        resumed_after_line: run.first.lines,
        own_bytes: position.offset - run.first.offset,
        elapsed: started.elapsed(),
    })
}

/// A run of a job.
struct Run<'r, 'j> {
    job: &'r Job<'j>,
    plan: &'r Plan<'j>,
    observer: &'r dyn Observer,
    interrupt: &'r Interrupt,
    /// Where it starts.
    first: Position,
    journal: Journal,
    resumable: bool,
}

/// A block ready to be written.
struct Finished {
    end: Position,
    switched: SwitchedBlock,
}

impl Run<'_, '_> {
    fn go(&mut self, destination: &mut Destination) -> Result<()> {
        let checkpoints = destination.checkpoints()?;
        let failed = AtomicBool::new(false);
        let (sender, receiver) = sync_channel(1);
        std::thread::scope(|scope| {
            let failed = &failed;
            let writing = scope.spawn(move || write_journals(&checkpoints, &receiver, failed));
            let outcome = self.switch_blocks(destination, &sender, failed);
            drop(sender);
            let journals = writing.join().unwrap_or(Err(Error::Interrupted));
            journals.and(outcome)
        })
    }

    fn switch_blocks(
        &mut self,
        destination: &mut Destination,
        journals: &SyncSender<Journal>,
        failed: &AtomicBool,
    ) -> Result<()> {
        let mut source = Source::open(self.job.source, self.first, self.interrupt)?;
        let (consumed, size) = (source.consumed.clone(), source.size);
        let (plan, path) = (self.plan, self.job.source);
        let (per_thread, in_all) = match self.job.spans {
            None => (IN_FLIGHT_PER_THREAD, IN_FLIGHT),
            Some(_) => (IN_FLIGHT_PER_THREAD / 2, IN_FLIGHT_WITH_SPANS),
        };
        let in_flight = in_all.min(per_thread * self.job.threads);
        let limits = Limits {
            // More would find no block to work on, and their memory is not given back.
            threads: self.job.threads.min(in_flight / BLOCK_BYTES),
            in_flight,
        };
        let progress = &self.journal.progress;
        let mut saved = (Instant::now(), progress.written + progress.spans_written);
        pipeline::run(
            limits,
            || Ok(source.next_block()?.map(|block| (block.bytes.len(), block))),
            Worker::default,
            |worker, block: Block| {
                let mut switched = worker
                    .switch(plan, &block)
                    .map_err(|error| Error::in_file(error, path))?;
                switched.bytes = plan.compression.compress(switched.bytes)?;
                if let Some(compression) = plan.spans {
                    switched.spans = compression.compress(switched.spans)?;
                }
                Ok(Finished {
                    end: block.end,
                    switched,
                })
            },
            |finished: Finished| {
                let SwitchedBlock { bytes, spans, .. } = &finished.switched;
                destination.write(bytes, spans)?;
                let progress = &mut self.journal.progress;
                progress.position = finished.end;
                progress.written += bytes.len() as u64;
                progress.spans_written += spans.len() as u64;
                progress.records += finished.switched.records;
                progress.counts.add(&finished.switched.counts);
                let records = progress.records;
                let written = progress.written + progress.spans_written;
                let due = written - saved.1 >= self.job.checkpoint_bytes
                    || saved.0.elapsed() >= CHECKPOINT_PERIOD;
                if self.resumable && due {
                    match journals.try_send(self.journal.clone()) {
                        Ok(()) => saved = (Instant::now(), written),
                        // The last one is not yet on disk: the next block tries again.
                        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
                    }
                }
                if failed.load(Ordering::Relaxed) {
                    return Err(Error::Interrupted);
                }
                self.observer
                    .progress(consumed.load(Ordering::Relaxed), size, records)
            },
            self.interrupt,
        )?;
        if self.journal.progress.records == 0 {
            return Err(Error::in_file(
                Error::input("holds no record", "check the file"),
                path,
            ));
        }
        Ok(())
    }
}

/// Writes journals as they come; at a failure it says so, and ends.
fn write_journals(
    checkpoints: &Checkpoints,
    journals: &Receiver<Journal>,
    failed: &AtomicBool,
) -> Result<()> {
    for journal in journals {
        if let Err(error) = checkpoints.write(&journal) {
            failed.store(true, Ordering::Relaxed);
            return Err(error);
        }
    }
    Ok(())
}

fn bad_line(line: u64, message: impl Into<String>, remedy: &str) -> Error {
    Error::Input {
        path: None,
        line: Some(line),
        message: message.into(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! `switch_file` and what it returns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::interruptible::interruptible;
use crate::switcher::{SwitchCounts, Switcher};
use foundation::{Error, Result};
use switching::stream::{self, Job, Observer, RecordIds};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FileSummary>()?;
    module.add_function(wrap_pyfunction!(switch_file, module)?)
}

/// Time between two calls of `progress`.
const PROGRESS_PERIOD: Duration = Duration::from_millis(100);

/// Calls the Python functions that watch a run.
struct Watcher {
    progress: Option<Py<PyAny>>,
    notice: Option<Py<PyAny>>,
    reported: Mutex<Option<Instant>>,
    /// What one of them raised.
    raised: Mutex<Option<PyErr>>,
}

impl Watcher {
    fn raised(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<'py>(
        &self,
        function: &Py<PyAny>,
        arguments: impl pyo3::call::PyCallArgs<'py>,
        python: Python<'py>,
    ) -> Result<()> {
        match function.call1(python, arguments) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.raised().get_or_insert(error);
                Err(Error::Interrupted)
            }
        }
    }
}

impl Observer for Watcher {
    fn progress(&self, done: u64, total: Option<u64>, records: u64) -> Result<()> {
        if self.raised().is_some() {
            return Err(Error::Interrupted);
        }
        let Some(function) = &self.progress else {
            return Ok(());
        };
        {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            if reported.is_some_and(|last| last.elapsed() < PROGRESS_PERIOD) {
                return Ok(());
            }
            *reported = Some(Instant::now());
        }
        Python::attach(|python| self.call(function, (done, total, records), python))
    }

    fn notice(&self, message: &str) {
        if let Some(function) = &self.notice {
            // What it raises is kept, and stops the run at its first block.
            let _ = Python::attach(|python| self.call(function, (message,), python));
        }
    }
}

#[pyfunction]
#[pyo3(signature = (
    source, destination, switcher, *, fields = Vec::new(), translation_probs = BTreeMap::new(),
    line_ids = false, epoch = 0, threads = None, spans = None, restart = false, checkpoint_bytes = 256 << 20,
    progress = None, notice = None
))]
#[expect(
    clippy::too_many_arguments,
    reason = "keyword arguments of the Python function"
)]
fn switch_file(
    python: Python<'_>,
    source: PathBuf,
    destination: PathBuf,
    switcher: PyRef<'_, Switcher>,
    fields: Vec<String>,
    translation_probs: BTreeMap<String, f64>,
    line_ids: bool,
    epoch: u64,
    threads: Option<usize>,
    spans: Option<PathBuf>,
    restart: bool,
    checkpoint_bytes: u64,
    progress: Option<Py<PyAny>>,
    notice: Option<Py<PyAny>>,
) -> PyResult<FileSummary> {
    let watcher = Watcher {
        progress,
        notice,
        reported: Mutex::new(None),
        raised: Mutex::new(None),
    };
    let core = &switcher.0;
    let outcome = interruptible(python, threads, |interrupt| {
        let job = Job {
            source: &source,
            destination: &destination,
            switcher: core,
            fields,
            translation_probs: translation_probs.into_iter().collect(),
            record_ids: if line_ids {
                RecordIds::LineNumbers
            } else {
                RecordIds::Named
            },
            epoch,
            // The pool's threads sleep meanwhile: reading and writing need threads that may wait.
            threads: rayon::current_num_threads(),
            spans: spans.as_deref(),
            restart,
            checkpoint_bytes,
        };
        stream::switch_file(&job, &watcher, interrupt)
    });
    if let Some(raised) = watcher.raised().take() {
        return Err(raised);
    }
    let summary = outcome?;
    Ok(FileSummary {
        records: summary.records,
        counts: switcher.counts(&summary.counts),
        input_bytes: summary.input_bytes,
        output_bytes: summary.output_bytes,
        resumed_after_line: summary.resumed_after_line,
        own_bytes: summary.own_bytes,
        seconds: summary.elapsed.as_secs_f64(),
    })
}

/// What `switch_file` did; `own_bytes` of the input, and `seconds`, are those of this run alone.
#[pyclass(frozen, get_all, new = "from_fields", module = "cslir._core")]
struct FileSummary {
    records: u64,
    counts: SwitchCounts,
    input_bytes: u64,
    output_bytes: u64,
    resumed_after_line: u64,
    own_bytes: u64,
    seconds: f64,
}

#[pymethods]
impl FileSummary {
    /// For pickle and copy.
    fn __getnewargs__(&self) -> (u64, SwitchCounts, u64, u64, u64, u64, f64) {
        (
            self.records,
            self.counts.clone(),
            self.input_bytes,
            self.output_bytes,
            self.resumed_after_line,
            self.own_bytes,
            self.seconds,
        )
    }

    fn __repr__(&self) -> String {
        format!(
            "<FileSummary {} records, {} bytes>",
            self.records, self.input_bytes
        )
    }
}

//! Switched texts with their aligned spans.

#![expect(
    clippy::too_many_arguments,
    reason = "fields of results, which pickle gives back one by one"
)]

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use rayon::prelude::*;

use crate::interruptible::interruptible;
use crate::switcher::{SwitchCounts, Switcher};
use crate::to_python_error;
use foundation::Result;
use switching::switch::{Counts, Scratch, TextId, require_ids};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Switched>()?;
    module.add_class::<Span>()
}

impl Switcher {
    fn with_spans(
        &self,
        text: &str,
        id: TextId<'_>,
        scratch: &mut Scratch,
    ) -> Result<(Switched, Counts)> {
        let mut spans = Vec::new();
        let (output, counts) = self.0.switch(text, id, scratch, Some(&mut spans))?;
        let mut sources = Characters::new(text);
        let mut targets = Characters::new(&output);
        let spans = spans.into_iter().map(|span| {
            let lexicon = self.0.lexicons().get(span.lexicon);
            Span {
                source_start: sources.before(span.source.0),
                source_end: sources.before(span.source.1),
                target_start: targets.before(span.target.0),
                target_end: targets.before(span.target.1),
                language: lexicon
                    .map_or("", |known| &known.description().target_language)
                    .to_owned(),
                entry: span.entry.to_owned(),
                source_bytes: span.source,
                target_bytes: span.target,
            }
        });
        let spans = spans.collect();
        let switched = Switched {
            spans,
            counts: self.counts(&counts),
            text: output,
        };
        Ok((switched, counts))
    }
}

#[pymethods]
impl Switcher {
    /// Returns a switched text with its spans and counts.
    #[pyo3(signature = (text, record_id, *, field = "text", epoch = 0))]
    fn switch_with_spans(
        &self,
        python: Python<'_>,
        text: &str,
        record_id: &str,
        field: &str,
        epoch: u64,
    ) -> PyResult<Switched> {
        let id = TextId {
            record_id,
            field,
            epoch,
        };
        let switched = python.detach(|| self.with_spans(text, id, &mut Scratch::default()));
        switched
            .map(|(switched, _)| switched)
            .map_err(|error| to_python_error(python, error))
    }

    /// Switches texts in parallel, as `switch_with_spans` does each.
    ///
    /// Args:
    ///     texts: The texts.
    ///     record_ids: The record of each; its draws depend on it.
    ///     field: Which of the records' texts they are; part of the draws, too.
    ///     epoch: Another one gives other draws.
    ///     threads: Threads to switch with; None for one per core.
    ///
    /// Returns:
    ///     switched: Each text with its spans and counts, in order.
    ///     counts: Of all texts together.
    ///
    /// Raises:
    ///     InputError: The lengths differ, or the number of threads is wrong.
    #[pyo3(signature = (texts, record_ids, *, field = "text", epoch = 0, threads = None))]
    fn switch_batch_with_spans(
        &self,
        python: Python<'_>,
        texts: Vec<PyBackedStr>,
        record_ids: Vec<PyBackedStr>,
        field: &str,
        epoch: u64,
        threads: Option<usize>,
    ) -> PyResult<(Vec<Switched>, SwitchCounts)> {
        let (switched, counts) = interruptible(python, threads, |interrupt| {
            require_ids(texts.len(), record_ids.len())?;
            let rows = texts.par_iter().zip(&record_ids);
            let switched = rows.map_init(Scratch::default, |scratch, (text, record_id)| {
                interrupt.check()?;
                let id = TextId {
                    record_id,
                    field,
                    epoch,
                };
                self.with_spans(text, id, scratch)
            });
            let switched: Vec<(Switched, Counts)> = switched.collect::<Result<_>>()?;
            let mut total = Counts::new(self.0.lexicons().len());
            for (_, counts) in &switched {
                total.add(counts);
            }
            Ok((switched, total))
        })?;
        let switched = switched.into_iter().map(|(switched, _)| switched);
        Ok((switched.collect(), self.counts(&counts)))
    }
}

/// Turns growing byte positions of a text into character positions, in one walk.
pub(crate) struct Characters<'t> {
    text: &'t str,
    bytes: usize,
    characters: usize,
}

impl<'t> Characters<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Characters {
            text,
            bytes: 0,
            characters: 0,
        }
    }

    pub(crate) fn before(&mut self, position: usize) -> usize {
        let passed = self.text.get(self.bytes..position).unwrap_or_default();
        self.characters += passed.chars().count();
        self.bytes = position;
        self.characters
    }
}

/// What was replaced by what; positions count characters, `*_bytes` bytes of UTF-8.
///
/// The target may start or end with a space that parts it from the word beside it, where the text has none.
#[pyclass(
    frozen,
    get_all,
    eq,
    from_py_object,
    new = "from_fields",
    module = "cslir._core"
)]
#[derive(Clone, PartialEq)]
struct Span {
    source_start: usize,
    source_end: usize,
    target_start: usize,
    target_end: usize,
    language: String,
    entry: String,
    source_bytes: (usize, usize),
    target_bytes: (usize, usize),
}

#[pymethods]
impl Span {
    /// For pickle and copy.
    #[expect(clippy::type_complexity, reason = "the fields in order")]
    fn __getnewargs__(
        &self,
    ) -> (
        usize,
        usize,
        usize,
        usize,
        String,
        String,
        (usize, usize),
        (usize, usize),
    ) {
        (
            self.source_start,
            self.source_end,
            self.target_start,
            self.target_end,
            self.language.clone(),
            self.entry.clone(),
            self.source_bytes,
            self.target_bytes,
        )
    }

    fn __repr__(&self) -> String {
        let Span {
            source_start,
            source_end,
            target_start,
            target_end,
            language,
            entry,
            ..
        } = self;
        format!(
            "<Span {source_start}:{source_end} -> {target_start}:{target_end} {language} {entry:?}>"
        )
    }
}

/// A code-switched text with its aligned spans and counts.
#[pyclass(frozen, get_all, new = "from_fields", module = "cslir._core")]
struct Switched {
    text: String,
    spans: Vec<Span>,
    counts: SwitchCounts,
}

#[pymethods]
impl Switched {
    /// For pickle and copy.
    fn __getnewargs__(&self) -> (String, Vec<Span>, SwitchCounts) {
        (self.text.clone(), self.spans.clone(), self.counts.clone())
    }
}

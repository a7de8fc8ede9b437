//! `Lexicon`, `Switcher` and what they return.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyList};

use super::interruptible::{count_threads, interruptible};
use super::to_python_error;
use crate::lexicon::{self, compile};
use crate::switch::{
    self, Counts, LanguageChoice, MissPolicy, Options, Scratch, TargetChoice, TextId,
};
use crate::{Error, Result};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Lexicon>()?;
    module.add_class::<Switcher>()?;
    module.add_class::<SwitchCounts>()
}

/// A batch of up to so many bytes is switched before other threads would have woken up.
const MOST_BYTES_HERE: usize = 8192;

type Entry<T> = (T, Vec<(T, f64)>);

#[pyclass(frozen, module = "cslir._core")]
struct Lexicon(Arc<lexicon::Lexicon>);

#[pymethods]
impl Lexicon {
    #[staticmethod]
    #[pyo3(signature = (
        source_language, target_language, entries, *, licence = "", provenance = "", forms = Vec::new()
    ))]
    fn from_entries(
        python: Python<'_>,
        source_language: &str,
        target_language: &str,
        entries: Vec<Entry<PyBackedStr>>,
        licence: &str,
        provenance: &str,
        forms: Vec<(PyBackedStr, PyBackedStr)>,
    ) -> PyResult<Self> {
        let compiled = python.detach(|| {
            let entries = entries.iter().map(|(source, targets)| {
                let targets = targets.iter().map(|(target, weight)| (&**target, *weight));
                (&**source, targets)
            });
            let forms = forms.iter().map(|(form, base)| (&**form, &**base));
            let languages = (source_language, target_language);
            compile(languages, licence, provenance, entries, forms)
        });
        let compiled = compiled.map_err(|error| to_python_error(python, error))?;
        Ok(Lexicon(Arc::new(compiled)))
    }

    #[staticmethod]
    fn open(python: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = python.detach(|| lexicon::Lexicon::open(&path));
        let opened = opened.map_err(|error| to_python_error(python, error))?;
        Ok(Lexicon(Arc::new(opened)))
    }

    fn save(&self, python: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = python.detach(|| self.0.save(&path));
        saved.map_err(|error| to_python_error(python, error))
    }

    #[pyo3(signature = (source, *, lemma_fallback = false))]
    fn lookup(
        &self,
        python: Python<'_>,
        source: &str,
        lemma_fallback: bool,
    ) -> PyResult<Vec<(String, f64)>> {
        let found = self
            .0
            .lookup(source, lemma_fallback)
            .map_err(|error| to_python_error(python, error))?;
        let targets = found.into_iter().flat_map(|found| found.targets());
        Ok(targets
            .map(|(target, weight)| (target.to_owned(), weight))
            .collect())
    }

    fn entries(&self) -> Vec<Entry<String>> {
        let own = |(target, weight): (&str, f64)| (target.to_owned(), weight);
        let entries = self.0.entries();
        entries
            .map(|(source, targets)| (source.to_owned(), targets.into_iter().map(own).collect()))
            .collect()
    }

    fn forms(&self) -> Vec<(String, String)> {
        let own = |(form, base): (&str, &str)| (form.to_owned(), base.to_owned());
        self.0.forms().map(own).collect()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn source_language(&self) -> &str {
        &self.0.description().source_language
    }

    #[getter]
    fn target_language(&self) -> &str {
        &self.0.description().target_language
    }

    #[getter]
    fn licence(&self) -> &str {
        &self.0.description().licence
    }

    #[getter]
    fn provenance(&self) -> &str {
        &self.0.description().provenance
    }

    #[getter]
    fn form_count(&self) -> usize {
        self.0.form_count()
    }

    #[getter]
    fn left_out(&self) -> u32 {
        self.0.description().left_out
    }

    fn __repr__(&self) -> String {
        let (source, target) = (self.source_language(), self.target_language());
        format!("<Lexicon {source}-{target}, {} entries>", self.0.len())
    }
}

#[pyclass(frozen, module = "cslir._core")]
pub(super) struct Switcher(pub(super) switch::Switcher);

/// The value that a name given by the user stands for.
fn named<T: Copy>(option: &str, given: &str, names: [(&str, T); 2]) -> Result<T> {
    let known = names.iter().find(|(name, _)| *name == given);
    known.map(|&(_, value)| value).ok_or_else(|| {
        let [(first, _), (second, _)] = names;
        Error::input(
            format!("{option} is {given:?}"),
            format!("give {first:?} or {second:?}"),
        )
    })
}

impl Switcher {
    fn by_language(&self, by_lexicon: &[u64]) -> Vec<(String, u64)> {
        let mut by_language: Vec<(String, u64)> = Vec::new();
        for (lexicon, &count) in self.0.lexicons().iter().zip(by_lexicon) {
            let language = &lexicon.description().target_language;
            match by_language.iter_mut().find(|(known, _)| known == language) {
                Some((_, sum)) => *sum += count,
                None => by_language.push((language.clone(), count)),
            }
        }
        by_language
    }

    pub(super) fn counts(&self, counts: &Counts) -> SwitchCounts {
        SwitchCounts {
            tokens: counts.tokens,
            content: counts.content,
            switched: counts.switched,
            content_switched: counts.content_switched,
            lemmas: counts.lemmas,
            missed: counts.missed,
            switched_by_language: self.by_language(&counts.switched_by_lexicon),
            missed_by_language: self.by_language(&counts.missed_by_lexicon),
        }
    }
}

#[pymethods]
impl Switcher {
    #[new]
    #[pyo3(signature = (
        lexicons, *, translation_prob, seed, language_choice = "token", miss_policy = "keep",
        target_choice = "weighted", language_weights = None, stop_words = None,
        switch_stop_words = false, lemma_fallback = false, protect = true
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keyword arguments of the Python class"
    )]
    fn new(
        python: Python<'_>,
        lexicons: Vec<PyRef<'_, Lexicon>>,
        translation_prob: f64,
        seed: u64,
        language_choice: &str,
        miss_policy: &str,
        target_choice: &str,
        language_weights: Option<Vec<f64>>,
        stop_words: Option<Vec<String>>,
        switch_stop_words: bool,
        lemma_fallback: bool,
        protect: bool,
    ) -> PyResult<Self> {
        let lexicons = lexicons
            .iter()
            .map(|lexicon| Arc::clone(&lexicon.0))
            .collect();
        let build = || -> Result<switch::Switcher> {
            let choices = [
                ("token", LanguageChoice::Token),
                ("text", LanguageChoice::Text),
            ];
            let policies = [("keep", MissPolicy::Keep), ("redraw", MissPolicy::Redraw)];
            let targets = [
                ("weighted", TargetChoice::Weighted),
                ("best", TargetChoice::Best),
            ];
            let options = Options {
                translation_prob,
                seed,
                language_choice: named("language_choice", language_choice, choices)?,
                miss_policy: named("miss_policy", miss_policy, policies)?,
                target_choice: named("target_choice", target_choice, targets)?,
                language_weights,
                stop_words: stop_words.unwrap_or_default(),
                switch_stop_words,
                lemma_fallback,
                protect,
            };
            switch::Switcher::new(lexicons, options)
        };
        build()
            .map(Switcher)
            .map_err(|error| to_python_error(python, error))
    }

    #[pyo3(signature = (text, record_id, *, field = "text", epoch = 0))]
    fn switch(
        &self,
        python: Python<'_>,
        text: &str,
        record_id: &str,
        field: &str,
        epoch: u64,
    ) -> PyResult<String> {
        let id = TextId {
            record_id,
            field,
            epoch,
        };
        let switched = python.detach(|| self.0.switch(text, id, &mut Scratch::default(), None));
        switched
            .map(|(text, _)| text)
            .map_err(|error| to_python_error(python, error))
    }

    #[pyo3(signature = (texts, record_ids, *, field = "text", epoch = 0, threads = None))]
    fn switch_batch<'py>(
        &self,
        python: Python<'py>,
        texts: Vec<PyBackedStr>,
        record_ids: Vec<PyBackedStr>,
        field: &str,
        epoch: u64,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyList>, SwitchCounts)> {
        let size: usize = texts.iter().map(|text| text.len()).sum();
        let (parts, counts) = if size <= MOST_BYTES_HERE {
            let here = python.detach(|| {
                count_threads(threads)?;
                let scratch = &mut Scratch::default();
                self.0
                    .switch_here(&texts, &record_ids, field, epoch, scratch)
            });
            let (switched, counts) = here.map_err(|error| to_python_error(python, error))?;
            (vec![switched], counts)
        } else {
            interruptible(python, threads, |interrupt| {
                self.0
                    .switch_batch(&texts, &record_ids, field, epoch, interrupt)
            })?
        };
        let list = PyList::empty(python);
        for text in parts.iter().flat_map(switch::SwitchedTexts::iter) {
            list.append(text)?;
        }
        Ok((list, self.counts(&counts)))
    }
}

#[pyclass(frozen, eq, module = "cslir._core")]
#[derive(Clone, PartialEq)]
pub(super) struct SwitchCounts {
    #[pyo3(get)]
    tokens: u64,
    #[pyo3(get)]
    content: u64,
    #[pyo3(get)]
    switched: u64,
    #[pyo3(get)]
    content_switched: u64,
    #[pyo3(get)]
    lemmas: u64,
    #[pyo3(get)]
    missed: u64,
    switched_by_language: Vec<(String, u64)>,
    missed_by_language: Vec<(String, u64)>,
}

fn dict<'py>(python: Python<'py>, counts: &[(String, u64)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(python);
    for (language, count) in counts {
        dict.set_item(language, count)?;
    }
    Ok(dict)
}

#[pymethods]
impl SwitchCounts {
    #[getter]
    fn switched_by_language<'py>(&self, python: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dict(python, &self.switched_by_language)
    }

    #[getter]
    fn missed_by_language<'py>(&self, python: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        dict(python, &self.missed_by_language)
    }

    #[getter]
    fn switch_rate(&self) -> f64 {
        if self.tokens == 0 {
            0.0
        } else {
            self.switched as f64 / self.tokens as f64
        }
    }

    fn __repr__(&self) -> String {
        let SwitchCounts {
            tokens,
            switched,
            missed,
            ..
        } = self;
        format!("<SwitchCounts tokens={tokens} switched={switched} missed={missed}>")
    }
}

//! `Lexicon`, `Switcher` and what they return.

#![expect(
    clippy::too_many_arguments,
    reason = "fields of results, which pickle gives back one by one"
)]

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::interruptible::{count_threads, interruptible};
use crate::to_python_error;
use foundation::{Error, Result};
use switching::lexicon::{self, compile};
use switching::switch::{
    self, Counts, LanguageChoice, MissPolicy, Options, Scratch, TargetChoice, TextId,
};

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Lexicon>()?;
    module.add_class::<Switcher>()?;
    module.add_class::<SwitchCounts>()
}

/// A batch of up to so many bytes is switched before other threads would have woken up.
const MOST_BYTES_HERE: usize = 8192;

type Entry<T> = (T, Vec<(T, f64)>);

/// A compiled bilingual lexicon, in memory or mapped from a `.cslex` file.
///
/// Words and phrases of a source language with their targets, each with a weight: a positive number, in
/// any sum. A source is looked up without regard to case, width of letters, Arabic vowel signs and
/// Russian stress marks; of several that are alike then the one spelled as the text comes first.
///
/// It can be pickled and copied: by its file, which must hold the same lexicon still, or by its bytes.
///
/// Example:
///     >>> german = Lexicon.from_entries("en", "de", [("house", [("Haus", 3.0), ("Heim", 1.0)])])
///     >>> german.lookup("House")
///     [('Haus', 3.0), ('Heim', 1.0)]
#[pyclass(frozen, module = "cslir._core")]
struct Lexicon(Arc<lexicon::Lexicon>);

#[pymethods]
impl Lexicon {
    /// Compiles entries, and (form, base) pairs for the lemma fallback.
    ///
    /// Forms that are sources themselves, that are no single token or whose base is no source are left out.
    ///
    /// Args:
    ///     source_language: A BCP 47 code.
    ///     target_language: A BCP 47 code.
    ///     entries: Each source with its targets and their weights, above 0.
    ///     licence: Of the entries.
    ///     provenance: Where they come from.
    ///     forms: Inflected forms with their base forms.
    ///
    /// Raises:
    ///     InputError: A source has no target, or a weight is not positive and finite.
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

    /// Opens a compiled lexicon; its file is mapped, which takes milliseconds.
    ///
    /// Raises:
    ///     InputError: The file is missing, damaged or of another version.
    #[staticmethod]
    fn open(python: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = python.detach(|| lexicon::Lexicon::open(&path));
        let opened = opened.map_err(|error| to_python_error(python, error))?;
        Ok(Lexicon(Arc::new(opened)))
    }

    /// Writes the compiled lexicon, whole or not at all.
    ///
    /// Raises:
    ///     InputError: The path is no place for a file, or another process is writing it.
    ///     OSError: Writing failed.
    fn save(&self, python: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = python.detach(|| self.0.save(&path));
        saved.map_err(|error| to_python_error(python, error))
    }

    /// Returns the targets of a source with their weights, none where the lexicon lacks it.
    ///
    /// Args:
    ///     source: A word or a phrase, as it stands in a text.
    ///     lemma_fallback: Look a word out of lexicon up by its base form.
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

    #[staticmethod]
    fn _from_bytes(python: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let read = lexicon::Lexicon::from_bytes(bytes);
        let read = read.map_err(|error| to_python_error(python, error))?;
        Ok(Lexicon(Arc::new(read)))
    }

    #[staticmethod]
    fn _reopen(python: Python<'_>, path: PathBuf, checksum: u64) -> PyResult<Self> {
        let opened = python.detach(|| lexicon::Lexicon::reopen(&path, checksum));
        let opened = opened.map_err(|error| to_python_error(python, error))?;
        Ok(Lexicon(Arc::new(opened)))
    }

    /// For pickle and copy: by the file, else by the bytes.
    fn __reduce__<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (python, kind, lexicon) = (this.py(), this.get_type(), &this.get().0);
        match lexicon.path() {
            Some(path) => {
                let arguments = (std::path::absolute(path)?, lexicon.checksum());
                (kind.getattr("_reopen")?, arguments).into_pyobject(python)
            }
            None => {
                let arguments = (PyBytes::new(python, lexicon.bytes()),);
                (kind.getattr("_from_bytes")?, arguments).into_pyobject(python)
            }
        }
    }

    /// Returns every source with its targets and their weights.
    fn entries(&self) -> Vec<Entry<String>> {
        let own = |(target, weight): (&str, f64)| (target.to_owned(), weight);
        let entries = self.0.entries();
        entries
            .map(|(source, targets)| (source.to_owned(), targets.into_iter().map(own).collect()))
            .collect()
    }

    /// Returns the inflected forms with their base forms.
    fn forms(&self) -> Vec<(String, String)> {
        let own = |(form, base): (&str, &str)| (form.to_owned(), base.to_owned());
        self.0.forms().map(own).collect()
    }

    /// The number of sources.
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// The code of the source language.
    #[getter]
    fn source_language(&self) -> &str {
        &self.0.description().source_language
    }

    /// The code of the target language.
    #[getter]
    fn target_language(&self) -> &str {
        &self.0.description().target_language
    }

    /// The licence of the entries.
    #[getter]
    fn licence(&self) -> &str {
        &self.0.description().licence
    }

    /// Where the entries come from.
    #[getter]
    fn provenance(&self) -> &str {
        &self.0.description().provenance
    }

    /// The number of inflected forms.
    #[getter]
    fn form_count(&self) -> usize {
        self.0.form_count()
    }

    /// How many sources were left out in compiling, since they can match no text.
    #[getter]
    fn left_out(&self) -> u32 {
        self.0.description().left_out
    }

    fn __repr__(&self) -> String {
        let (source, target) = (self.source_language(), self.target_language());
        format!("<Lexicon {source}-{target}, {} entries>", self.0.len())
    }
}

/// Switches texts by one lexicon (BL-CS) or several (ML-CS); can be pickled and copied with them.
#[pyclass(frozen, module = "cslir._core")]
pub(crate) struct Switcher(pub(super) switch::Switcher);

const LANGUAGE_CHOICES: [(&str, LanguageChoice); 2] = [
    ("token", LanguageChoice::Token),
    ("text", LanguageChoice::Text),
];
const MISS_POLICIES: [(&str, MissPolicy); 2] =
    [("keep", MissPolicy::Keep), ("redraw", MissPolicy::Redraw)];
const TARGET_CHOICES: [(&str, TargetChoice); 2] = [
    ("weighted", TargetChoice::Weighted),
    ("best", TargetChoice::Best),
];

/// The name of a value, which [`named`] gives back.
fn name_of<T: Copy + PartialEq>(value: T, names: [(&'static str, T); 2]) -> &'static str {
    let [(first, _), (second, is_second)] = names;
    if value == is_second { second } else { first }
}

/// The value of a name that was given for an option.
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

    pub(crate) fn counts(&self, counts: &Counts) -> SwitchCounts {
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
            let options = Options {
                translation_prob,
                seed,
                language_choice: named("language_choice", language_choice, LANGUAGE_CHOICES)?,
                miss_policy: named("miss_policy", miss_policy, MISS_POLICIES)?,
                target_choice: named("target_choice", target_choice, TARGET_CHOICES)?,
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

    /// For pickle and copy.
    fn __getnewargs_ex__<'py>(
        &self,
        python: Python<'py>,
    ) -> PyResult<((Vec<Lexicon>,), Bound<'py, PyDict>)> {
        let options = self.0.options();
        let given = PyDict::new(python);
        given.set_item("translation_prob", options.translation_prob)?;
        given.set_item("seed", options.seed)?;
        let language_choice = name_of(options.language_choice, LANGUAGE_CHOICES);
        given.set_item("language_choice", language_choice)?;
        let miss_policy = name_of(options.miss_policy, MISS_POLICIES);
        given.set_item("miss_policy", miss_policy)?;
        let target_choice = name_of(options.target_choice, TARGET_CHOICES);
        given.set_item("target_choice", target_choice)?;
        given.set_item("language_weights", options.language_weights.as_deref())?;
        given.set_item("stop_words", &options.stop_words)?;
        given.set_item("switch_stop_words", options.switch_stop_words)?;
        given.set_item("lemma_fallback", options.lemma_fallback)?;
        given.set_item("protect", options.protect)?;
        let lexicons = self.0.lexicons().iter();
        let lexicons = lexicons.map(|lexicon| Lexicon(Arc::clone(lexicon)));
        Ok(((lexicons.collect(),), given))
    }

    /// Returns a text with its chosen tokens switched; the same arguments give the same text.
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

    /// Returns texts switched on all cores, and the counts of all; ids tell records apart.
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

/// How many tokens were switched or missed, and into which language.
///
/// `content` tokens are those that are not protected, no numbers (under protection) and no stop words;
/// `lemmas` counts the switched tokens whose base form's entry was taken.
#[pyclass(
    frozen,
    eq,
    from_py_object,
    new = "from_fields",
    module = "cslir._core"
)]
#[derive(Clone, PartialEq)]
pub(crate) struct SwitchCounts {
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
    /// For pickle and copy.
    #[expect(clippy::type_complexity, reason = "the fields in order")]
    fn __getnewargs__(
        &self,
    ) -> (
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        Vec<(String, u64)>,
        Vec<(String, u64)>,
    ) {
        (
            self.tokens,
            self.content,
            self.switched,
            self.content_switched,
            self.lemmas,
            self.missed,
            self.switched_by_language.clone(),
            self.missed_by_language.clone(),
        )
    }

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

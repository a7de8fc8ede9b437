//! Tokens and their normal forms, for what Python counts and compares.

use pyo3::prelude::*;

use crate::spans::Characters;
use crate::to_python_error;
use switching::lexicon::{KeyedTokens, caseless, is_dotless, normalise};
use switching::tokenize::tokens;

/// First and one past the last character of each token.
#[pyfunction]
fn token_ranges(text: &str) -> Vec<(usize, usize)> {
    let mut characters = Characters::new(text);
    tokens(text)
        .map(|token| (characters.before(token.start), characters.before(token.end)))
        .collect()
}

#[pyfunction]
fn normal_form(token: &str) -> String {
    normalise(token)
}

/// The normal form under which a lexicon has a source; empty where it can match no text.
#[pyfunction]
fn source_form(python: Python<'_>, source: &str) -> PyResult<String> {
    let mut tokens = KeyedTokens::default();
    tokens
        .read(source)
        .map_err(|error| to_python_error(python, error))?;
    Ok(tokens.spelling().unwrap_or_default())
}

/// How a source of a language is spelled, but for case.
#[pyfunction]
fn caseless_form(source: &str, language: &str) -> String {
    caseless(source, is_dotless(language)).collect()
}

#[pyfunction]
fn without_reading_signs(text: &str) -> String {
    switching::lexicon::without_reading_signs(text)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(token_ranges, module)?)?;
    module.add_function(wrap_pyfunction!(normal_form, module)?)?;
    module.add_function(wrap_pyfunction!(source_form, module)?)?;
    module.add_function(wrap_pyfunction!(caseless_form, module)?)?;
    module.add_function(wrap_pyfunction!(without_reading_signs, module)?)
}

//! Bilingual lexicons: normalise, compile, look up by longest match.
//!
//! A compiled lexicon is one flat little-endian buffer (`format.rs` describes it), the same in memory and in
//! a `.cslex` file, which is mapped, not read. It holds a hash table of *nodes*, one per entry source and
//! per proper token prefix of one, so that longest match walks from token to token and stops at the first
//! sequence that starts no entry: a text token costs one probe in most cases. Hashes are those of
//! [`KeyedTokens`], computed once per token whatever the number of lexicons; every hit is verified against
//! the entry's text, so a hash collision can never give a wrong entry.
//!
//! Several sources can have one normal form: `c++` and `c#`, `Maße` and `Masse`, `Essen` and `essen`. Then the
//! entry that is spelled as the text is has precedence: with most of what stands around the tokens (`c++` before
//! `c`), then in the same case, then the first. Where the text is spelled as none of them it gets the targets of
//! all.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::part::Part;
use crate::{Error, Result};
use foundation::files;
use foundation::memory;

mod compile;
mod description;
mod format;
mod keyed;
mod matches;
mod normalise;
mod record;
mod table;
mod view;

pub use compile::compile;
pub use description::Description;
pub use format::FORMAT_VERSION;
#[cfg(fuzzing)]
pub use format::mend;
pub use keyed::{KeyedToken, KeyedTokens, TextPlace};
pub use matches::Match;
pub use normalise::{caseless, is_dotless, normalise, without_reading_signs};

pub use view::View;

pub(crate) use format::Place;
use record::Record;
use view::Layout;
pub(crate) use view::Node;

/// The most tokens a source may have: 8 words and more, since each character of an unspaced script is one.
pub const MAX_SOURCE_TOKENS: usize = 24;

/// A compiled lexicon from one language to another.
#[derive(Debug)]
pub struct Lexicon {
    map: Mmap,
    layout: Layout,
    path: Option<PathBuf>,
}

impl Lexicon {
    /// Takes a compiled buffer.
    ///
    /// # Errors
    /// `Error::Input` when the bytes are not a whole, unaltered lexicon of this format's version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let layout = Layout::read(bytes)?;
        let remedy = "free some, or save the lexicon with another process and open the file";
        let mut map = memory::map(bytes.len(), remedy)?;
        map.copy_from_slice(bytes);
        let map = map.make_read_only().map_err(|failure| {
            Error::input(
                format!("memory can't be made read-only ({failure})"),
                remedy,
            )
        })?;
        Ok(Lexicon {
            map,
            layout,
            path: None,
        })
    }

    /// Maps a `.cslex` file.
    ///
    /// # Errors
    /// `Error::Input` with the path when the file is missing, truncated, altered or of another kind;
    /// `Error::Io` when it can't be mapped.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::NotFound => {
                Error::in_file(Error::input("no such file", "check the path"), path)
            }
            ErrorKind::InvalidInput => Error::in_file(
                Error::input(source.to_string(), "write what it gives to a file"),
                path,
            ),
            _ => Error::Io {
                path: path.to_owned(),
                source,
            },
        };
        let file = files::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(Error::in_file(format::not_a_lexicon(), path));
        }
        // SAFETY: the map is read-only. Lexicon files are replaced by renaming a new file over the old one,
        // so the mapped inode is not written to; every read of the map is bounds-checked and every string
        // is checked to be UTF-8 when it is read.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        let layout = Layout::read(&map).map_err(|error| Error::in_file(error, path))?;
        Ok(Lexicon {
            map,
            layout,
            path: Some(path.to_owned()),
        })
    }

    /// Writes the lexicon to `path`, whole or not at all.
    ///
    /// # Errors
    /// `Error::Input` when `path` is no place for a file or is being written, `Error::Io` when writing fails.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut part = Part::open(path)?;
        let written = part.go_to(0).and_then(|()| part.write(self.bytes()));
        let synchronised = written.and_then(|()| {
            let flushed = part.file.sync_all();
            flushed.map_err(|source| part.failed(source))
        });
        synchronised.and_then(|()| part.rename()).inspect_err(|_| {
            let _ = std::fs::remove_file(&part.part);
        })
    }

    /// Maps the file of a lexicon that was open before, perhaps in another process.
    ///
    /// # Errors
    /// As [`Lexicon::open`]; `Error::Input` when the file holds another lexicon by now.
    pub fn reopen(path: &Path, checksum: u64) -> Result<Self> {
        let lexicon = Self::open(path)?;
        if lexicon.checksum() == checksum {
            return Ok(lexicon);
        }
        let message = "the file was replaced by another lexicon since it was opened";
        Err(Error::input(message, "open it again").in_file(path))
    }

    /// The file that is mapped; `None` for a lexicon in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The checksum of all bytes.
    pub fn checksum(&self) -> u64 {
        format::checksum_of(self.bytes())
    }

    /// The compiled form, which is also the file's contents.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.layout.entry_count
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of word forms, by which the lemma fallback finds entries.
    pub fn form_count(&self) -> usize {
        self.layout.form_count
    }

    /// Languages, licence, provenance and the number of entries left out.
    pub fn description(&self) -> &Description {
        &self.layout.description
    }

    /// The parts that lookups read.
    #[inline]
    pub fn view(&self) -> View<'_> {
        self.layout.view(self.bytes())
    }

    /// The entry whose source is all of `source`, however it is cased, spaced or hyphenated, the one that is
    /// spelled so before others; with `forms` also the one that it is an inflected form of.
    ///
    /// # Errors
    /// `Error::Input` when `source` is 4 GiB or longer.
    pub fn lookup(&self, source: &str, forms: bool) -> Result<Option<Match<'_>>> {
        let mut tokens = KeyedTokens::default();
        tokens.read(source)?;
        if tokens.spelling().is_none() {
            return Ok(None);
        }
        tokens.read(&with_single_spaces(source))?;
        let found = self.view().longest_match(&tokens, 0, forms, |_| true);
        Ok(found.filter(|found| found.length == tokens.len()))
    }

    /// Every entry: source as it is spelled, and targets. They come in the order in which their normal forms, and
    /// of these their spellings, first came.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let entries = self.view().records().filter(Record::is_plain);
        entries.map(|record| (record.spelling().text, record.targets().collect()))
    }

    /// Every word form with the source that it is a form of, both in normal form.
    pub fn forms(&self) -> impl Iterator<Item = (&str, &str)> {
        let view = self.view();
        let forms = view.records().filter(Record::is_form);
        forms.filter_map(move |record| Some((record.source(), view.base(record)?.source())))
    }
}

/// A source with one space for each run of white space, and none at its ends.
fn with_single_spaces(source: &str) -> String {
    let words: Vec<&str> = source.split_whitespace().collect();
    words.join(" ")
}

/// A source as it is spelled and its targets with weights, the heaviest first.
pub type Entry<'l> = (&'l str, Vec<(&'l str, f64)>);

#[cfg(test)]
mod tests;

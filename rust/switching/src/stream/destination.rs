//! The output: written beside its final place, kept when a run breaks off, renamed at the end.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Observer;
use super::journal::{Journal, Progress};
use crate::part::{Part, part_of};
use crate::{Error, Result};

/// The level of gzip itself; each block is a member of its own, so that blocks are compressed in parallel.
const GZIP_LEVEL: u32 = 6;
const ZSTANDARD_LEVEL: i32 = 3;
const XZ_PRESET: u32 = 6;

/// How the output is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Plain,
    Gzip,
    Zstandard,
    Xz,
}

impl Compression {
    /// What a name's suffix asks for.
    pub(super) fn of_path(path: &Path) -> Result<Self> {
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        match suffix.unwrap_or_default() {
            "gz" => Ok(Compression::Gzip),
            "zst" => Ok(Compression::Zstandard),
            "xz" => Ok(Compression::Xz),
            suffix @ ("bz2" | "lz4") => Err(Error::in_file(
                Error::input(
                    format!(".{suffix} is not written"),
                    "use .gz, .zst, .xz or no suffix",
                ),
                path,
            )),
            _ => Ok(Compression::Plain),
        }
    }

    /// Compresses a block by itself: what is written can be cut between blocks, and joined again.
    pub(super) fn compress(self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let compressed = match self {
            Compression::Plain => Ok(bytes),
            Compression::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                let mut member = flate2::write::GzEncoder::new(Vec::new(), level);
                member.write_all(&bytes).and_then(|()| member.finish())
            }
            Compression::Zstandard => zstandard_frame(&bytes),
            Compression::Xz => {
                let options = lzma_rust2::XzOptions::with_preset(XZ_PRESET);
                lzma_rust2::XzWriter::new(Vec::new(), options).and_then(|mut stream| {
                    stream.write_all(&bytes)?;
                    stream.finish()
                })
            }
        };
        compressed.map_err(|error| Error::input(format!("can't be compressed ({error})"), ""))
    }
}

fn zstandard_frame(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTANDARD_LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(bytes)
}

/// An output that is being written, with the spans where they are wanted.
#[derive(Debug)]
pub(super) struct Destination {
    output: Part,
    spans: Option<Part>,
    journal: PathBuf,
}

impl Destination {
    /// Opens the unfinished output, and says how far an earlier run that can be continued has come.
    ///
    /// # Errors
    /// `Error::Input` where the output can't be written, or is being written by another run.
    pub(super) fn open(
        path: &Path,
        spans: Option<&Path>,
        settings: Option<&Map<String, Value>>,
        observer: &dyn Observer,
    ) -> Result<(Self, Progress)> {
        let output = Part::open(path)?;
        let spans = spans.map(Part::open).transpose().inspect_err(|_| {
            if output.length() == 0 {
                let _ = std::fs::remove_file(&output.part);
            }
        })?;
        let mut destination = Destination {
            journal: Journal::path_beside(&output.part),
            output,
            spans,
        };
        let progress = destination.progress(settings, observer);
        destination.output.go_to(progress.written)?;
        if let Some(spans) = &mut destination.spans {
            spans.go_to(progress.spans_written)?;
        }
        Ok((destination, progress))
    }

    fn progress(&self, settings: Option<&Map<String, Value>>, observer: &dyn Observer) -> Progress {
        let afresh = Progress::default();
        let Some(settings) = settings else {
            return afresh;
        };
        let length = self.output.length();
        let Some(journal) = Journal::read(&self.journal).filter(|_| length > 0) else {
            return afresh;
        };
        let differences = journal.differences(settings);
        if !differences.is_empty() {
            let names = differences.join(", ");
            observer.notice(&format!(
                "starting afresh: an unfinished run differs in {names}"
            ));
            return afresh;
        }
        let spans_length = self.spans.as_ref().map_or(0, Part::length);
        if length < journal.progress.written || spans_length < journal.progress.spans_written {
            observer
                .notice("starting afresh: the unfinished output is shorter than its journal says");
            return afresh;
        }
        let lines = journal.progress.position.lines;
        observer.notice(&format!("going on after line {lines} of an unfinished run"));
        journal.progress
    }

    /// Appends bytes of the output and of the spans.
    pub(super) fn write(&mut self, bytes: &[u8], spans: &[u8]) -> Result<()> {
        self.output.write(bytes)?;
        self.spans.as_mut().map_or(Ok(()), |part| part.write(spans))
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        // The output comes last: once it has its name, the spans have theirs.
        self.spans.iter().chain([&self.output])
    }

    /// Other handles to the same files, which make journals.
    pub(super) fn checkpoints(&self) -> Result<Checkpoints> {
        let handle = |part: &Part| {
            let file = part.file.try_clone();
            file.map(|file| (file, part.part.clone()))
                .map_err(|source| part.failed(source))
        };
        Ok(Checkpoints {
            files: self.parts().map(handle).collect::<Result<_>>()?,
            journal: self.journal.clone(),
        })
    }

    /// Gives output and spans their names.
    pub(super) fn finish(self) -> Result<()> {
        for part in self.parts() {
            part.file.sync_all().map_err(|source| part.failed(source))?;
        }
        self.parts().try_for_each(Part::rename)?;
        let _ = std::fs::remove_file(&self.journal);
        Ok(())
    }

    /// Removes what is unfinished.
    pub(super) fn abandon(self) {
        let _ = std::fs::remove_file(&self.journal);
        for part in self.parts() {
            let _ = std::fs::remove_file(&part.part);
        }
    }
}

/// Makes journals of how far the output is.
#[derive(Debug)]
pub(super) struct Checkpoints {
    files: Vec<(File, PathBuf)>,
    journal: PathBuf,
}

impl Checkpoints {
    /// Writes a journal once all that it tells of is on disk.
    pub(super) fn write(&self, journal: &Journal) -> Result<()> {
        for (file, path) in &self.files {
            file.sync_data().map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
        }
        journal.write(&self.journal)
    }
}

/// Refuses to write over the input, or the spans over the output.
///
/// # Errors
/// `Error::Input` with the path that is used twice.
pub(super) fn refuse_same_file(
    source: &Path,
    destination: &Path,
    spans: Option<&Path>,
) -> Result<()> {
    let part = part_of(destination);
    let journal = Journal::path_beside(&part);
    let of_output = [destination.to_owned(), part, journal];
    let of_spans = spans.map(|spans| [spans.to_owned(), part_of(spans)]);
    let of_spans: Vec<PathBuf> = of_spans.into_iter().flatten().collect();
    let read = place_of(source);
    let mut written = of_output.iter().chain(&of_spans);
    let message = match written.find(|file| place_of(file) == read) {
        None => None,
        Some(same) if same == destination || Some(same.as_path()) == spans => {
            Some("input and output are the same file")
        }
        Some(_) => Some("an unfinished run of this output keeps its work in the input file"),
    };
    if let Some(message) = message {
        return Err(Error::in_file(
            Error::input(message, "write to another file"),
            source,
        ));
    }
    let of_output = of_output.map(|file| place_of(&file));
    match of_spans
        .iter()
        .find(|file| of_output.contains(&place_of(file)))
    {
        None => Ok(()),
        Some(same) => Err(Error::in_file(
            Error::input("is a file of the output, too", "write the spans to another"),
            same,
        )),
    }
}

/// What tells two paths of one file, as far as it can be found out of a file that is not there.
fn place_of(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new(".")).canonicalize();
        Some(folder.ok()?.join(path.file_name()?))
    };
    let found = path.canonicalize().ok().or_else(in_folder);
    found.unwrap_or_else(|| path.to_owned())
}

//! A file that is written beside its final place and then renamed, so that it appears whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::{Error, Result};
use foundation::files;

/// A file that is being written beside its final place.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    pub(crate) part: PathBuf,
    pub(crate) file: File,
}

impl Part {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let path = &followed(path);
        let part = part_beside(path)?;
        // A pipe would wait for a reader for ever.
        if let Err(error) = files::require(&part)
            && error.kind() == ErrorKind::InvalidInput
        {
            let error = Error::input(error.to_string(), "remove it");
            return Err(Error::in_file(error, &part));
        }
        let options = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part);
        let file = options.map_err(|error| not_writable(path, error))?;
        let locked = file.try_lock();
        // A file system may have no locks; a run that has just ended has renamed the file that we opened.
        if matches!(locked, Err(TryLockError::WouldBlock)) || !part.exists() {
            return Err(Error::in_file(
                Error::input("another run is writing it", "wait for its end"),
                &part,
            ));
        }
        Ok(Part {
            path: path.to_owned(),
            part,
            file,
        })
    }

    pub(crate) fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    pub(crate) fn go_to(&mut self, length: u64) -> Result<()> {
        let cut = self.file.set_len(length);
        cut.and_then(|()| self.file.seek(SeekFrom::Start(length)))
            .map(|_| ())
            .map_err(|source| self.failed(source))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|source| self.failed(source))
    }

    pub(crate) fn rename(&self) -> Result<()> {
        std::fs::rename(&self.part, &self.path).map_err(|source| self.failed(source))
    }

    pub(crate) fn failed(&self, source: io::Error) -> Error {
        Error::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// Where a symbolic link leads: the file that it points to is replaced, not the link.
fn followed(path: &Path) -> PathBuf {
    let is_link = path.is_symlink() && !stands_for_open(path);
    let target = is_link.then(|| path.read_link().ok()).flatten();
    // Of a link to what is not there yet, or to another link that leads nowhere, one step is followed.
    let step = |target: PathBuf| path.parent().unwrap_or(Path::new("")).join(target);
    target.map_or_else(
        || path.to_owned(),
        |target| path.canonicalize().unwrap_or_else(|_| step(target)),
    )
}

/// The name of the unfinished output; its folder is made.
fn part_beside(path: &Path) -> Result<PathBuf> {
    let is_what = match std::fs::metadata(path) {
        _ if path == Path::new("-") => Some("a standard stream"),
        Ok(found) if found.is_dir() => Some("a folder"),
        // Renaming would put a file in the place of a device such as /dev/null.
        Ok(found) if !found.is_file() => Some("a device or a pipe"),
        Ok(_) if stands_for_open(path) => Some("a standard stream"),
        _ => None,
    };
    if let Some(what) = is_what {
        let error = Error::input(format!("is {what}, a file is needed"), "name a file");
        return Err(Error::in_file(error, path));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| not_writable(path, error))?;
    }
    Ok(part_of(path))
}

/// Whether a path such as `/dev/stdout` leads through `/proc` to a file that is open, and has another name.
fn stands_for_open(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let in_proc = |path: &Path| path.starts_with("/proc");
    path.read_link().is_ok_and(|target| in_proc(&target))
        || folder.is_some_and(|folder| in_proc(&folder))
}

/// The name of the unfinished file.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

fn not_writable(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::PermissionDenied => {
            Error::in_file(
                Error::input(
                    format!("can't be written ({error})"),
                    "choose another folder",
                ),
                path,
            )
        }
        _ => Error::Io {
            path: path.to_owned(),
            source: error,
        },
    }
}

//! The one error type of the crate: what is wrong, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of every fallible operation in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Input that can't be used, or an operation that failed on a file.
///
/// `Display` prints `path:line: message; remedy`, leaving out what is not known.
#[derive(Debug)]
pub enum Error {
    /// The caller's data or arguments are wrong.
    Input {
        /// The file that holds the bad data, where there is one.
        path: Option<PathBuf>,
        /// Line number in that file, from 1.
        line: Option<u64>,
        /// What is wrong.
        message: String,
        /// What the user can do about it; empty when the message says it.
        remedy: String,
    },
    /// The operating system refused to read or write a file.
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// The caller asked the operation to stop (see [`crate::Interrupt`]).
    Interrupted,
}

impl Error {
    /// An input error that belongs to no file.
    pub fn input(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::Input {
            path: None,
            line: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// The same with the file that it is about, if it names none.
    pub fn in_file(self, file: &Path) -> Self {
        match self {
            Error::Input {
                path: None,
                line,
                message,
                remedy,
            } => Error::Input {
                path: Some(file.to_owned()),
                line,
                message,
                remedy,
            },
            Error::Io { path, source } if path.as_os_str().is_empty() => Error::Io {
                path: file.to_owned(),
                source,
            },
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Input {
                path,
                line,
                message,
                remedy,
            } => {
                if let Some(path) = path {
                    write!(formatter, "{}:", path.display())?;
                    if let Some(line) = line {
                        write!(formatter, "{line}:")?;
                    }
                    formatter.write_str(" ")?;
                }
                formatter.write_str(message)?;
                if !remedy.is_empty() {
                    write!(formatter, "; {remedy}")?;
                }
                Ok(())
            }
            Error::Io { path, source } => write!(formatter, "{}: {source}", path.display()),
            Error::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Input { .. } | Error::Interrupted => None,
            Error::Io { source, .. } => Some(source),
        }
    }
}

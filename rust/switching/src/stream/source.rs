//! The input: decompressed by its first bytes, read in blocks of whole lines.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::Interrupt;
use crate::{Error, Result};

/// Blocks are cut at the last line end within so many bytes, so that the cuts depend on the input alone.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// A longer line is refused: it and what is made of it must fit into memory.
pub const LONGEST_LINE: usize = 64 << 20;

/// How much of the input's beginning tells it from others of its size.
const FINGERPRINT_BYTES: u64 = 64 << 10;

/// Bytes of the longest magic number.
const MAGIC_BYTES: u64 = 6;

/// Whole lines of the input.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    /// Number of the first line, from 1.
    pub(super) first_line: u64,
    /// Where the block ends.
    pub(super) end: Position,
}

/// A place between two lines of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Decompressed bytes before it.
    pub(super) offset: u64,
    /// Lines before it.
    pub(super) lines: u64,
}

/// An opened input.
pub(super) struct Source {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    /// What was read of the next blocks.
    pending: Vec<u8>,
    position: Position,
    ended: bool,
    /// Bytes of the file read so far; compressed ones, if it is.
    pub(super) consumed: Arc<AtomicU64>,
    /// Bytes of the file, unless it is a pipe.
    pub(super) size: Option<u64>,
}

impl Source {
    /// Opens a file whose blocks start at `start`.
    pub(super) fn open(path: &Path, start: Position, interrupt: &Interrupt) -> Result<Self> {
        let (mut file, metadata) = open(path)?;
        let failed = |source| Error::in_file(reading_failed(source, 0), path);
        let consumed = Arc::new(AtomicU64::new(0));
        let mut magic = Vec::new();
        let first_bytes = file.by_ref().take(MAGIC_BYTES).read_to_end(&mut magic);
        first_bytes.map_err(failed)?;
        let size = metadata.is_file().then_some(metadata.len());
        if start.offset > 0 && is_plain(&magic) {
            let to_start = file.seek(SeekFrom::Start(start.offset));
            to_start.map_err(failed)?;
            consumed.store(start.offset, Ordering::Relaxed);
            magic.clear();
        }
        let compression = magic.clone();
        let counted = Counted {
            file: Cursor::new(magic).chain(file),
            consumed: Arc::clone(&consumed),
        };
        let mut source = Source {
            path: path.to_owned(),
            reader: decompressed(&compression, counted)
                .map_err(|error| Error::in_file(error, path))?,
            pending: Vec::new(),
            position: start,
            ended: false,
            consumed,
            size,
        };
        if !is_plain(&compression) {
            source.skip(start.offset, interrupt)?;
        }
        Ok(source)
    }

    /// Reads decompressed bytes that are not wanted.
    fn skip(&mut self, bytes: u64, interrupt: &Interrupt) -> Result<()> {
        let mut left = bytes;
        while left > 0 {
            interrupt.check()?;
            self.pending.clear();
            let read = self.fill(left.min(BLOCK_BYTES as u64))?;
            if read == 0 {
                let error = io::Error::from(ErrorKind::UnexpectedEof);
                return Err(Error::in_file(reading_failed(error, 0), &self.path));
            }
            left -= read;
        }
        self.pending.clear();
        Ok(())
    }

    /// Appends so many bytes to the pending ones, fewer at the end only; returns how many.
    fn fill(&mut self, bytes: u64) -> Result<u64> {
        let read = self.reader.by_ref().take(bytes);
        let read = { read }.read_to_end(&mut self.pending);
        read.map(|read| read as u64).map_err(|error| {
            let pending = memchr::memchr_iter(b'\n', &self.pending).count() as u64;
            Error::in_file(
                reading_failed(error, self.position.lines + pending),
                &self.path,
            )
        })
    }

    /// The next block; `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<Block>> {
        let mut searched = 0;
        let cut = loop {
            let wanted = BLOCK_BYTES * (self.pending.len() / BLOCK_BYTES + 1);
            self.pending
                .reserve_exact((wanted + 64).saturating_sub(self.pending.len()));
            let missing = (wanted - self.pending.len()) as u64;
            if !self.ended && self.fill(missing)? < missing {
                self.ended = true;
            }
            let unsearched = self.pending.get(searched..).unwrap_or_default();
            let line_end = memchr::memrchr(b'\n', unsearched).map(|at| searched + at + 1);
            searched = self.pending.len();
            match line_end {
                None if searched > LONGEST_LINE => return Err(self.long_line()),
                _ if self.ended => break searched,
                Some(line_end) => break line_end,
                None => {}
            }
        };
        if cut == 0 {
            return Ok(None);
        }
        let next = self.pending.split_off(cut);
        let bytes = std::mem::replace(&mut self.pending, next);
        let first_line = self.position.lines + 1;
        self.position.offset += bytes.len() as u64;
        self.position.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64
            + u64::from(bytes.last() != Some(&b'\n'));
        Ok(Some(Block {
            bytes,
            first_line,
            end: self.position,
        }))
    }

    fn long_line(&self) -> Error {
        Error::Input {
            path: Some(self.path.clone()),
            line: Some(self.position.lines + 1),
            message: format!("a line of more than {} MiB", LONGEST_LINE >> 20),
            remedy: "one record a line, each line ended by a line feed".to_owned(),
        }
    }
}

/// Opens a file and looks what it is.
pub(super) fn open(path: &Path) -> Result<(File, Metadata)> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => Error::in_file(Error::input("no such file", "check the path"), path),
        ErrorKind::PermissionDenied => Error::in_file(
            Error::input("may not be read", "check its permissions"),
            path,
        ),
        _ => Error::Io {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        let error = Error::input("is a folder, a file is needed", "");
        return Err(Error::in_file(error, path));
    }
    Ok((file, metadata))
}

/// What tells an unaltered input: size, time of the last change and a checksum of the first bytes. `None` for
/// a pipe, which can't be read twice.
pub(super) fn fingerprint(path: &Path) -> Result<Option<Value>> {
    // A pipe must not even be opened here: its writer would find it closed again.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(None);
    }
    let (file, metadata) = open(path)?;
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let changed = metadata.modified().map_err(failed)?;
    let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut head = Vec::new();
    file.take(FINGERPRINT_BYTES)
        .read_to_end(&mut head)
        .map_err(failed)?;
    Ok(Some(json!({
        "bytes": metadata.len(),
        "changed": format!("{}.{:09}", changed.as_secs(), changed.subsec_nanos()),
        "head_crc": crc(&head),
    })))
}

/// CRC-32 of some bytes.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

const GZIP: &[u8] = b"\x1f\x8b";
const BZIP2: &[u8] = b"BZh";
const XZ: &[u8] = b"\xfd7zXZ\x00";
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd";
const LZ4: &[u8] = b"\x04\x22\x4d\x18";

fn is_plain(magic: &[u8]) -> bool {
    ![GZIP, BZIP2, XZ, ZSTANDARD, LZ4]
        .iter()
        .any(|known| magic.starts_with(known))
}

fn decompressed(magic: &[u8], file: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
    let buffered = |file| io::BufReader::with_capacity(256 << 10, file);
    Ok(if magic.starts_with(GZIP) {
        Box::new(flate2::bufread::MultiGzDecoder::new(buffered(file)))
    } else if magic.starts_with(BZIP2) {
        Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(file)))
    } else if magic.starts_with(XZ) {
        Box::new(lzma_rust2::XzReader::new(buffered(file), true))
    } else if magic.starts_with(ZSTANDARD) {
        let decoder = zstd::Decoder::with_buffer(buffered(file));
        Box::new(decoder.map_err(|error| reading_failed(error, 0))?)
    } else if magic.starts_with(LZ4) {
        return Err(Error::input(
            "lz4 is not read here",
            "decompress it with lz4 -d",
        ));
    } else {
        Box::new(file)
    })
}

/// A failure after so many lines: of the file's contents, or of the system.
fn reading_failed(error: io::Error, lines: u64) -> Error {
    if error.raw_os_error().is_some() {
        return Error::Io {
            path: PathBuf::new(),
            source: error,
        };
    }
    Error::input(
        format!("truncated or corrupt after line {lines} ({error})"),
        "fetch the file again",
    )
}

/// A reader that tells how far it is.
struct Counted<R> {
    file: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

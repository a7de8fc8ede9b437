//! Memory of our own that is read like a mapped file.

use memmap2::MmapMut;

use crate::{Error, Result};

/// Memory, all zeros, in large pages where the system has them: reading here and there, or much of it, then misses
/// fewer addresses.
///
/// # Errors
/// `Error::Input` with the remedy where there is not so much.
pub fn map(length: usize, remedy: &'static str) -> Result<MmapMut> {
    let map = MmapMut::map_anon(length).map_err(|failure| {
        Error::input(format!("no {length} bytes of memory ({failure})"), remedy)
    })?;
    // A system without large pages may say so.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Ok(map)
}

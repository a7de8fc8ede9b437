//! The kernel for x86-64 with AMX: the sums of sixteen queries and sixteen rows are a tile, and sixteen steps of all of them one
//! instruction. What follows is AVX-512's.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::ops::Range;
use std::sync::OnceLock;

use super::candidates::Chosen;
use super::codes::{CodeBlock, Codes as _, GROUP, STEP_BYTES};
use super::scan::{Side, note};
use super::tiles::{SIDE, TILE_BYTES, tiles};
use super::vnni::Zmm;

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 64;

/// Queries at a time.
const AT_ONCE: usize = 2 * SIDE;

/// Bytes of a row of a tile.
const ROW_BYTES: usize = 64;

/// Whether the CPU multiplies tiles of bytes, and the operating system lets this process do so.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        const TILES: u32 = 1 << 24;
        const BYTES: u32 = 1 << 25;
        #[allow(unused_unsafe, reason = "newer compilers know it for safe")]
        // SAFETY: a CPU that this is asked of has AVX-512, and so has this leaf.
        let features = || unsafe { __cpuid_count(7, 0) }.edx;
        is_x86_feature_detected!("avx512f")
            && features() & (TILES | BYTES) == TILES | BYTES
            && is_permitted()
    })
}

/// Asks Linux for the registers, for all threads of this process: they take 8 KiB of each thread that uses them. Where a kernel
/// or the process can't have them it says no.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const REQUEST_PERMISSION: libc::c_int = 0x1023;
    const TILE_DATA: libc::c_ulong = 18;
    // SAFETY: this call reads and writes no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// The shape of all tiles, as the CPU reads it.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Whole tiles.
static WHOLE: Shapes = Shapes {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Makes the tiles ready for use.
///
/// # Safety
///
/// [`is_available`].
unsafe fn configure() {
    // SAFETY: the caller's CPU has the instruction, which reads 64 bytes.
    unsafe {
        asm!(
            "ldtilecfg [{}]", in(reg) &raw const WHOLE, options(nostack, readonly, preserves_flags),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        );
    }
}

/// Gives the tiles back, so that nobody has to save them.
///
/// # Safety
///
/// [`is_available`].
unsafe fn release() {
    // SAFETY: the caller's CPU has the instruction.
    unsafe {
        asm!(
            "tilerelease", options(nostack, nomem, preserves_flags),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        );
    }
}

/// The sums of sixteen queries and a group.
type Sums = [[i32; GROUP]; SIDE];

/// Sums of two groups and twice sixteen queries: of the first group all, then of the second.
#[repr(C, align(64))]
struct TileSums([[Sums; 2]; 2]);

const NO_SUMS: TileSums = TileSums([[[[0; GROUP]; SIDE]; 2]; 2]);

/// Scans a block of 8-bit codes.
///
/// # Safety
///
/// [`is_available`], and the CPU has AVX-512 F, VL, BW and VNNI; the panel is one of `tiles`, and its queries have a reach, a
/// threshold and a list of candidates each; every chosen group lies inside `groups`.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vnni")]
pub(super) unsafe fn scan(block: &mut CodeBlock<'_>) {
    let (pairs, rest) = block.chosen.as_chunks::<2>();
    let mut sums = NO_SUMS;
    // SAFETY: the caller's contract.
    unsafe {
        configure();
        for (place, pair) in pairs.iter().enumerate() {
            scan_tiles(block, *pair, 2 * place, &mut sums);
        }
        for group in rest {
            scan_tiles(block, [*group], 2 * pairs.len(), &mut sums);
        }
        release();
    }
}

/// `R` groups, one or two, against all queries of the panel; `place` is that of the first among all that are chosen.
///
/// # Safety
///
/// As for [`scan`]; the tiles are configured.
#[inline(always)]
unsafe fn scan_tiles<const R: usize>(
    block: &mut CodeBlock<'_>,
    chosen: [Chosen; R],
    place: usize,
    sums: &mut TileSums,
) {
    let stride = block.layout.stride();
    let tiles = tiles(block.layout.wide);
    let starts = chosen.map(|chosen| chosen.group as usize * stride);
    // The last tile has what stands behind the codes, which the last groups have too little of.
    let mut copies = [const { Vec::new() }; R];
    let mut codes = [block.groups.as_ptr(); R];
    for r in 0..R {
        codes[r] = match block.groups.get(starts[r]..starts[r] + tiles * TILE_BYTES) {
            Some(codes) => codes.as_ptr(),
            None => {
                copies[r] = block.groups[starts[r]..starts[r] + block.layout.wide_bytes()].to_vec();
                copies[r].resize(tiles * TILE_BYTES, 0);
                copies[r].as_ptr()
            }
        };
    }
    let queries = block.reaches.len();
    let blocks = queries.div_ceil(SIDE);
    let mut asked = std::array::from_fn::<_, R, _>(|r| Asked::new(block, place + r, R));
    // SAFETY: the chosen groups lie inside `groups`, and have so many tiles; the panel has a tile of starts for each sixteen
    // queries, and as many for each tile of a group; there is a reach and a threshold for each query, and a row of sums.
    unsafe {
        let sides = starts.map(|start| {
            Side::<Zmm>::load(block.groups.as_ptr().add(start + block.layout.code_bytes()))
        });
        for first in (0..queries).step_by(AT_ONCE) {
            let count = AT_ONCE.min(queries - first);
            multiply(
                [
                    block
                        .panel
                        .as_ptr()
                        .cast::<u8>()
                        .add(first / SIDE * TILE_BYTES),
                    block
                        .panel
                        .as_ptr()
                        .cast::<u8>()
                        .add((first + count - 1) / SIDE * TILE_BYTES),
                ],
                blocks * TILE_BYTES,
                [codes[0], codes[R - 1]],
                tiles,
                sums,
            );
            for r in 0..R {
                let sums = sums.0[r].as_flattened_mut();
                let mut reached = [0u16; AT_ONCE];
                for (at, reached) in reached.iter_mut().enumerate().take(count) {
                    let reach = block.reaches.get_unchecked(first + at);
                    let threshold = *block.thresholds.get_unchecked(first + at);
                    let sum = sums.get_unchecked_mut(at);
                    let rest = sides[r].without_codes(reach);
                    let upper = Zmm::load_sums(sum.as_ptr());
                    let upper = upper.scaled(sides[r].scale, reach.factor, rest);
                    *reached = Zmm::reaches(upper, threshold) & chosen[r].rows;
                    Zmm::store(upper, sum.as_mut_ptr().cast());
                    asked[r].ask();
                }
                let mut hits = 0u32;
                for (at, reached) in reached.iter().enumerate() {
                    hits |= u32::from(*reached != 0) << at;
                }
                while hits != 0 {
                    let at = hits.trailing_zeros() as usize;
                    note::<Zmm>(block, first + at, chosen[r].group, reached[at], &sums[at]);
                    hits &= hits - 1;
                }
            }
        }
    }
}

/// What is asked for while a group meets the queries, a part at each of them: what will be looked at next from the cache, and what
/// comes after the block from memory.
struct Asked {
    near: Range<*const u8>,
    far: Range<*const u8>,
    lines: usize,
}

impl Asked {
    /// For the group at a place among all that are chosen, of so many that are looked at together.
    fn new(block: &CodeBlock<'_>, place: usize, together: usize) -> Self {
        let stride = block.layout.stride();
        let near = block
            .start(block.chosen[place])
            .wrapping_add(together * stride);
        let (far, part) = (block.ahead(place), &block.ahead_bytes);
        Asked {
            near: near..near.wrapping_add(stride),
            far: far.wrapping_add(part.start)..far.wrapping_add(part.end),
            lines: (stride / ROW_BYTES).div_ceil(block.reaches.len()),
        }
    }

    /// # Safety
    ///
    /// The CPU has AVX-512.
    #[inline(always)]
    unsafe fn ask(&mut self) {
        for _ in 0..self.lines {
            // SAFETY: the caller's CPU has the instructions; any address is allowed.
            unsafe {
                if self.near.start < self.near.end {
                    Zmm::prefetch_near(self.near.start);
                    self.near.start = self.near.start.wrapping_add(ROW_BYTES);
                }
                if self.far.start < self.far.end {
                    Zmm::prefetch(self.far.start);
                    self.far.start = self.far.start.wrapping_add(ROW_BYTES);
                }
            }
        }
    }
}

/// The products of two groups, which may be the same, with twice sixteen queries, which may be the same, too.
///
/// # Safety
///
/// The tiles are configured; the codes have so many tiles; where the queries are is a tile of starts, and so many steps ahead of
/// it each of their tiles.
#[inline(always)]
unsafe fn multiply(
    queries: [*const u8; 2],
    step: usize,
    codes: [*const u8; 2],
    tiles: usize,
    sums: &mut TileSums,
) {
    // SAFETY: the caller's contract.
    unsafe {
        asm!(
            "tileloadd tmm0, [{query} + {row}]",
            "tileloadd tmm1, [{query} + {row}]",
            "tileloadd tmm2, [{other_query} + {row}]",
            "tileloadd tmm3, [{other_query} + {row}]",
            "2:",
            "add {query}, {step}",
            "add {other_query}, {step}",
            "tileloadd tmm4, [{query} + {row}]",
            "tileloadd tmm6, [{group} + {row}]",
            "tdpbsud tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{other} + {row}]",
            "tdpbsud tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{other_query} + {row}]",
            "tdpbsud tmm2, tmm5, tmm6",
            "tdpbsud tmm3, tmm5, tmm7",
            "add {group}, {tile}",
            "add {other}, {tile}",
            "dec {tiles}",
            "jnz 2b",
            "tilestored [{to} + {row}], tmm0",
            "tilestored [{to} + {row} + {tile}], tmm2",
            "tilestored [{to} + {row} + 2 * {tile}], tmm1",
            "tilestored [{to} + {row} + 3 * {tile}], tmm3",
            query = inout(reg) queries[0] => _,
            other_query = inout(reg) queries[1] => _,
            step = in(reg) step,
            group = inout(reg) codes[0] => _,
            other = inout(reg) codes[1] => _,
            tiles = inout(reg) tiles => _,
            row = in(reg) ROW_BYTES,
            tile = const TILE_BYTES,
            to = in(reg) sums.0.as_mut_ptr(),
            options(nostack),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        );
    }
}

/// Multiply-adds of a round of [`multiply_adds`].
pub(super) const MULTIPLY_ADDS: u64 = 4 * (SIDE * SIDE * STEP_BYTES) as u64;

/// `rounds` times [`MULTIPLY_ADDS`] multiply-adds on tiles, for the measurement of the peak; returns the sum of all.
///
/// # Safety
///
/// [`is_available`].
pub(super) unsafe fn multiply_adds(rounds: u64) -> i64 {
    let ones = [1u8; TILE_BYTES];
    let mut sums = NO_SUMS;
    // SAFETY: the caller's CPU has the instructions; a tile is read, and four written.
    unsafe {
        configure();
        asm!(
            "tileloadd tmm4, [{ones} + {row}]",
            "tileloadd tmm5, [{ones} + {row}]",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "test {rounds}, {rounds}",
            "jz 3f",
            "2:",
            "tdpbsud tmm0, tmm4, tmm5",
            "tdpbsud tmm1, tmm4, tmm5",
            "tdpbsud tmm2, tmm4, tmm5",
            "tdpbsud tmm3, tmm4, tmm5",
            "dec {rounds}",
            "jnz 2b",
            "3:",
            "tilestored [{to} + {row}], tmm0",
            "tilestored [{to} + {row} + {tile}], tmm1",
            "tilestored [{to} + {row} + 2 * {tile}], tmm2",
            "tilestored [{to} + {row} + 3 * {tile}], tmm3",
            rounds = inout(reg) rounds => _,
            ones = in(reg) ones.as_ptr(),
            row = in(reg) ROW_BYTES,
            tile = const TILE_BYTES,
            to = in(reg) sums.0.as_mut_ptr(),
            options(nostack),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
        );
        release();
    }
    let sums = sums.0.as_flattened().as_flattened().as_flattened();
    sums.iter().copied().map(i64::from).sum()
}

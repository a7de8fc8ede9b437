//! The portable kernel: the specification in plain Rust, in a shape that compilers vectorise.

use super::codes::{CodeBlock, Codes, GROUP, LEVELS, STEP, STEP_BYTES};
use super::scan::scan_block;

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 2;

/// Scans a block on any CPU.
///
/// # Safety
///
/// The contract of [`scan_block`], but for the instructions.
pub(super) unsafe fn scan(block: &mut CodeBlock<'_>) {
    // SAFETY: plain Rust runs everywhere, and each arm names the number of queries.
    unsafe {
        match block.reaches.len() {
            1 => scan_block::<Plain, 2, 1>(block),
            2 => scan_block::<Plain, 1, 2>(block),
            queries => debug_assert_eq!(queries, 0),
        }
    }
}

/// Sixteen sums in an array.
#[derive(Clone, Copy)]
struct Plain([i32; GROUP]);

// SAFETY (all methods): the trait's contract gives readable memory; byte arrays have no alignment.
impl Codes for Plain {
    type Rows = [u8; STEP_BYTES];
    type Query = [i8; STEP];
    type Floats = [f32; GROUP];
    const FEW_SUMS: usize = 0;

    #[inline(always)]
    unsafe fn start(sum: i32) -> Self {
        Plain([sum; GROUP])
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Rows {
        unsafe { from.cast::<Self::Rows>().read() }
    }

    #[inline(always)]
    unsafe fn load_narrow(from: *const u8) -> [Self::Rows; 2] {
        let codes = unsafe { Self::load(from) };
        [
            codes.map(|code| LEVELS[usize::from(code & 15)]),
            codes.map(|code| LEVELS[usize::from(code >> 4)]),
        ]
    }

    #[inline(always)]
    unsafe fn query(from: *const u32) -> Self::Query {
        unsafe { from.read_unaligned() }
            .to_le_bytes()
            .map(u8::cast_signed)
    }

    #[inline(always)]
    unsafe fn add(mut self, rows: Self::Rows, query: Self::Query) -> Self {
        for (row, sum) in self.0.iter_mut().enumerate() {
            for (place, code) in query.iter().enumerate() {
                *sum += i32::from(rows[row * STEP + place]) * i32::from(*code);
            }
        }
        self
    }

    #[inline(always)]
    unsafe fn plus(mut self, other: Self) -> Self {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
        self
    }

    #[inline(always)]
    unsafe fn store_sums(self, to: *mut i32) {
        unsafe { to.cast::<[i32; GROUP]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn load_sums(from: *const i32) -> Self {
        Plain(unsafe { from.cast::<[i32; GROUP]>().read() })
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> Self::Floats {
        let bytes = unsafe { from.cast::<[[u8; 2]; GROUP]>().read() };
        bytes.map(|half| f32::from_bits(u32::from(u16::from_le_bytes(half)) << 16))
    }

    #[inline(always)]
    unsafe fn equal(float: f32) -> Self::Floats {
        [float; GROUP]
    }

    #[inline(always)]
    unsafe fn weighted(floats: Self::Floats, weight: f32, more: Self::Floats) -> Self::Floats {
        std::array::from_fn(|lane| floats[lane] * weight + more[lane])
    }

    #[inline(always)]
    unsafe fn scaled(self, scale: Self::Floats, factor: f32, more: Self::Floats) -> Self::Floats {
        std::array::from_fn(|lane| self.0[lane] as f32 * (scale[lane] * factor) + more[lane])
    }

    #[inline(always)]
    unsafe fn reaches(floats: Self::Floats, threshold: f32) -> u16 {
        floats.iter().enumerate().fold(0, |mask, (lane, upper)| {
            mask | u16::from(*upper >= threshold || upper.is_nan()) << lane
        })
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, to: *mut f32) {
        unsafe { to.cast::<Self::Floats>().write(floats) }
    }

    #[inline(always)]
    unsafe fn prefetch(_address: *const u8) {}

    #[inline(always)]
    unsafe fn prefetch_near(_address: *const u8) {}
}

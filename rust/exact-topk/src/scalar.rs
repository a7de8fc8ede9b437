//! The portable kernel: the specification in plain Rust, in a shape that compilers vectorise.

use std::cmp::Ordering;

use super::block::{Block, LANES};
use super::element::{BFloat16, Encoding, Float16, Float32, Values};
use super::lanes::{self, Lanes, Load, score_block};
use super::outer::{self, OuterBlock, note_candidates};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 2;

/// Scores a block on any CPU.
pub(super) fn score(block: &mut Block<'_>) {
    match block.values {
        Values::Float32(values) => score_rows::<Float32>(block, values),
        Values::Float16(bits) => score_rows::<Float16>(block, bits),
        Values::BFloat16(bits) => score_rows::<BFloat16>(block, bits),
    }
}

fn score_rows<E: Encoding>(block: &mut Block<'_>, values: &[E::Stored]) {
    // SAFETY: plain Rust runs everywhere, and each arm names the panel's width.
    unsafe {
        match block.panel.width() {
            1 => score_block::<Plain, E, 4, 1>(block, values),
            2 => score_block::<Plain, E, 2, 2>(block, values),
            width => debug_assert_eq!(width, 0),
        }
    }
}

/// Scores rows, wherever they lie, with one query, on any CPU.
///
/// # Safety
///
/// As for [`lanes::score_scattered`].
pub(super) unsafe fn score_scattered(
    rows: &[Values<'_>],
    dimension: usize,
    query: &[f32],
    scores: &mut [f32],
) {
    // SAFETY: the caller's contract; plain Rust runs everywhere.
    unsafe { lanes::score_scattered::<Plain, 4>(rows, dimension, query, scores) }
}

/// Registers of the widest panel of [`note_outer`].
pub(super) const OUTER_REGISTERS: usize = 1;

/// Notes a block's candidates.
pub(super) fn note_outer(block: &mut OuterBlock<'_>) {
    // SAFETY: plain Rust runs everywhere, and each arm names the panel's registers.
    unsafe {
        match block.panel.registers() {
            1 => note_candidates::<Plain, 2, 1>(block),
            registers => debug_assert_eq!(registers, 0),
        }
    }
}

/// Converts rows and squares their norms.
pub(super) fn measure(
    values: Values<'_>,
    dimension: usize,
    decoded: &mut [f32],
    squares: &mut [f32],
) {
    // SAFETY: plain Rust runs everywhere, and `Kernel::measure` checked the lengths.
    unsafe {
        match values {
            Values::Float32(values) => {
                outer::measure::<Plain, Float32>(values, dimension, &mut [], squares);
            }
            Values::Float16(bits) => {
                outer::measure::<Plain, Float16>(bits, dimension, decoded, squares)
            }
            Values::BFloat16(bits) => {
                outer::measure::<Plain, BFloat16>(bits, dimension, decoded, squares);
            }
        }
    }
}

/// Registers that [`multiply_adds`] works on.
pub(super) const COUNTERS: usize = 2;

/// Multiply-adds for the measurement of the peak.
pub(super) fn multiply_adds(rounds: u64) -> f32 {
    // SAFETY: plain Rust runs everywhere.
    unsafe { lanes::multiply_adds::<Plain, COUNTERS>(rounds) }
}

/// Sixteen floats in an array.
#[derive(Clone, Copy)]
struct Plain([f32; LANES]);

impl Lanes for Plain {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Plain([0.0; LANES])
    }

    #[inline(always)]
    unsafe fn multiply_add(mut self, x: Self, y: Self) -> Self {
        for ((sum, x), y) in self.0.iter_mut().zip(x.0).zip(y.0) {
            *sum = fused_multiply_add(x, y, *sum);
        }
        self
    }

    #[inline(always)]
    unsafe fn not_below(self, limit: Self) -> u16 {
        let lanes = self.0.iter().zip(&limit.0).enumerate();
        lanes.fold(0, |bits, (lane, (x, limit))| {
            // What is no number compares as nothing, and is not below.
            let below = x.partial_cmp(limit).is_some_and(Ordering::is_lt);
            bits | u16::from(!below) << lane
        })
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        // SAFETY: the caller's value is readable.
        Plain([unsafe { *from }; LANES])
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller has room for sixteen values.
        unsafe { to.cast::<[f32; LANES]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn fold(groups: [Self; 8]) -> [f32; 8] {
        groups.map(|Plain(mut sums)| {
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    sums[lane] += sums[lane + half];
                }
            }
            sums[0]
        })
    }

    #[inline(always)]
    unsafe fn prefetch(_address: *const u8) {}
}

impl<E: Encoding> Load<E> for Plain {
    #[inline(always)]
    unsafe fn load(from: *const E::Stored) -> Self {
        // SAFETY: the caller's sixteen values are readable; arrays have the alignment of their items.
        let stored = unsafe { from.cast::<[E::Stored; LANES]>().read() };
        let mut lanes = [0.0; LANES];
        for (lane, value) in lanes.iter_mut().zip(stored) {
            *lane = E::decode(value);
        }
        Plain(lanes)
    }

    #[inline(always)]
    unsafe fn load_first(from: *const E::Stored, count: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller's `count` values are readable.
        let present = unsafe { std::slice::from_raw_parts(from, count) };
        for (lane, value) in lanes.iter_mut().zip(present) {
            *lane = E::decode(*value);
        }
        Plain(lanes)
    }
}

/// `x * y + addend` rounded once.
///
/// Where the build's target has the instruction (arm64), that is it. Elsewhere (plain x86-64)
/// [`f32::mul_add`] is a library call, which would keep the loop scalar, so it is spelled out in
/// f64: the product of two f32 is exact there; the sum is rounded to odd (when it is inexact, its
/// last bit is set), and rounding such a sum to f32 is the same as rounding the exact one.
/// Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using
/// rounding to odd", IEEE Transactions on Computers 57(4), 2008.
#[inline(always)]
fn fused_multiply_add(x: f32, y: f32, addend: f32) -> f32 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
        return x.mul_add(y, addend);
    }
    let product = f64::from(x) * f64::from(y);
    let addend = f64::from(addend);
    let sum = product + addend;
    // Knuth's TwoSum: product + addend = sum + error, exactly.
    let shadow = sum - product;
    let error = (product - (sum - shadow)) + (addend - shadow);
    let bits = sum.to_bits();
    let even = bits & 1 == 0;
    // One step away from zero when the exact sum lies that way, else one step towards it.
    let step = if (error > 0.0) == (sum > 0.0) {
        1
    } else {
        u64::MAX
    };
    // An infinite sum has a NaN for an error, and must stay as it is.
    let inexact = error.abs() > 0.0;
    let odd = if inexact & even {
        bits.wrapping_add(step)
    } else {
        bits
    };
    f64::from_bits(odd) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fused_multiply_add;

    proptest! {
        #[test]
        fn rounds_once_like_the_hardware(x in any::<u32>(), y in any::<u32>(), addend in any::<u32>()) {
            let [x, y, addend] = [x, y, addend].map(f32::from_bits);
            let (ours, expected) = (fused_multiply_add(x, y, addend), x.mul_add(y, addend));
            prop_assert!(ours.to_bits() == expected.to_bits() || (ours.is_nan() && expected.is_nan()));
        }

        #[test]
        fn rounds_once_where_the_terms_nearly_cancel(
            x in -2.0f32..2.0, y in -2.0f32..2.0, ulps in -4i32..5, shift in 0i32..40,
        ) {
            let near = -(x * y);
            let addend = f32::from_bits(near.to_bits().wrapping_add_signed(ulps)) * 2f32.powi(-shift);
            let (ours, expected) = (fused_multiply_add(x, y, addend), x.mul_add(y, addend));
            prop_assert_eq!(ours.to_bits(), expected.to_bits());
        }
    }
}

//! The kernel for x86-64 with AVX2, FMA and F16C: sixteen lanes are two registers.

use std::arch::x86_64::*;

use super::block::{Block, LANES};
use super::element::{BFloat16, Encoding, Float16, Float32, Values};
use super::lanes::{self, Lanes, Load, score_block};
use super::outer::{self, OuterBlock, note_candidates};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 3;

/// Scores a block.
///
/// # Safety
///
/// The CPU has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn score(block: &mut Block<'_>) {
    // SAFETY: the caller's CPU has the instructions.
    unsafe {
        match block.values {
            Values::Float32(values) => score_rows::<Float32>(block, values),
            Values::Float16(bits) => score_rows::<Float16>(block, bits),
            Values::BFloat16(bits) => score_rows::<BFloat16>(block, bits),
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn score_rows<E: Encoding>(block: &mut Block<'_>, values: &[E::Stored])
where
    Ymm: Load<E>,
{
    // SAFETY: the caller's CPU has the instructions, and each arm names the panel's width.
    unsafe {
        match block.panel.width() {
            1 => score_block::<Ymm, E, 4, 1>(block, values),
            2 => score_block::<Ymm, E, 3, 2>(block, values),
            3 => score_block::<Ymm, E, 2, 3>(block, values),
            width => debug_assert_eq!(width, 0),
        }
    }
}

/// Scores rows, wherever they lie, with one query.
///
/// # Safety
///
/// The CPU has AVX2, FMA and F16C; the rest is as for [`lanes::score_scattered`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn score_scattered(
    rows: &[Values<'_>],
    dimension: usize,
    query: &[f32],
    scores: &mut [f32],
) {
    // SAFETY: the caller's contract.
    unsafe { lanes::score_scattered::<Ymm, 4>(rows, dimension, query, scores) }
}

/// Registers of the widest panel of [`note_outer`].
pub(super) const OUTER_REGISTERS: usize = 1;

/// Notes a block's candidates.
///
/// # Safety
///
/// The CPU has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn note_outer(block: &mut OuterBlock<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the panel's registers.
    unsafe {
        match block.panel.registers() {
            1 => note_candidates::<Ymm, 6, 1>(block),
            registers => debug_assert_eq!(registers, 0),
        }
    }
}

/// Converts rows and squares their norms.
///
/// # Safety
///
/// The CPU has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn measure(
    values: Values<'_>,
    dimension: usize,
    decoded: &mut [f32],
    squares: &mut [f32],
) {
    // SAFETY: the caller's CPU has the instructions, and `Kernel::measure` checked the lengths.
    unsafe {
        match values {
            Values::Float32(values) => {
                outer::measure::<Ymm, Float32>(values, dimension, &mut [], squares);
            }
            Values::Float16(bits) => {
                outer::measure::<Ymm, Float16>(bits, dimension, decoded, squares)
            }
            Values::BFloat16(bits) => {
                outer::measure::<Ymm, BFloat16>(bits, dimension, decoded, squares);
            }
        }
    }
}

/// Pairs of registers that [`multiply_adds`] works on.
pub(super) const COUNTERS: usize = 6;

/// Multiply-adds for the measurement of the peak.
///
/// # Safety
///
/// The CPU has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn multiply_adds(rounds: u64) -> f32 {
    // SAFETY: the caller's CPU has the instructions.
    unsafe { lanes::multiply_adds::<Ymm, COUNTERS>(rounds) }
}

/// Lanes 0 to 7 and 8 to 15.
#[derive(Clone, Copy)]
struct Ymm(__m256, __m256);

// SAFETY (all methods): the trait's contract gives AVX2, FMA, F16C and readable memory.
impl Lanes for Ymm {
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Ymm(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self {
        unsafe {
            Ymm(
                _mm256_fmadd_ps(x.0, y.0, self.0),
                _mm256_fmadd_ps(x.1, y.1, self.1),
            )
        }
    }

    #[inline(always)]
    unsafe fn not_below(self, limit: Self) -> u16 {
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.0, limit.0);
            let high = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.1, limit.1);
            (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u16
        }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        unsafe {
            let eight = _mm256_broadcast_ss(&*from);
            Ymm(eight, eight)
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn fold(groups: [Self; 8]) -> [f32; 8] {
        unsafe {
            let [a, b, c, d, e, f, g, h] = groups;
            // l + (l + 8); then, two sums to a register, l + (l + 4): [a | b] and so on.
            let ab = fold_halves(eight(a), eight(b));
            let cd = fold_halves(eight(c), eight(d));
            let ef = fold_halves(eight(e), eight(f));
            let gh = fold_halves(eight(g), eight(h));
            // l + (l + 2): [a a c c | b b d d].
            let acbd = fold_pairs(ab, cd);
            let egfh = fold_pairs(ef, gh);
            // l + (l + 1): [a c e g | b d f h].
            let even = _mm256_shuffle_ps::<0b10_00_10_00>(acbd, egfh);
            let odd = _mm256_shuffle_ps::<0b11_01_11_01>(acbd, egfh);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let mut sums = [0.0; 8];
            _mm256_storeu_ps(
                sums.as_mut_ptr(),
                _mm256_permutevar8x32_ps(_mm256_add_ps(even, odd), order),
            );
            sums
        }
    }

    #[inline(always)]
    unsafe fn prefetch(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
}

impl Load<Float32> for Ymm {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Ymm(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let low = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane);
            let high = _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32 - 8), lane);
            // Masked lanes are not read, so the address past the end is never followed.
            Ymm(
                _mm256_maskload_ps(from, low),
                _mm256_maskload_ps(from.wrapping_add(8), high),
            )
        }
    }
}

impl Load<Float16> for Ymm {
    #[inline(always)]
    unsafe fn load(from: *const u16) -> Self {
        unsafe {
            Ymm(
                _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
            )
        }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const u16, count: usize) -> Self {
        unsafe { <Self as Load<Float16>>::load(first_bits(from, count).as_ptr()) }
    }
}

impl Load<BFloat16> for Ymm {
    #[inline(always)]
    unsafe fn load(from: *const u16) -> Self {
        unsafe {
            Ymm(
                upper_halves(_mm_loadu_si128(from.cast())),
                upper_halves(_mm_loadu_si128(from.add(8).cast())),
            )
        }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const u16, count: usize) -> Self {
        unsafe { <Self as Load<BFloat16>>::load(first_bits(from, count).as_ptr()) }
    }
}

/// `count` values, then zeros: AVX2 has no masked loads of 16 bits.
#[inline(always)]
unsafe fn first_bits(from: *const u16, count: usize) -> [u16; LANES] {
    let mut bits = [0; LANES];
    // SAFETY: the caller's `count` values are readable.
    bits[..count].copy_from_slice(unsafe { std::slice::from_raw_parts(from, count) });
    bits
}

#[inline(always)]
unsafe fn upper_halves(bits: __m128i) -> __m256 {
    // SAFETY: the caller's CPU has AVX2.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits))) }
}

#[inline(always)]
unsafe fn eight(lanes: Ymm) -> __m256 {
    // SAFETY: the caller's CPU has AVX2.
    unsafe { _mm256_add_ps(lanes.0, lanes.1) }
}

#[inline(always)]
unsafe fn fold_halves(x: __m256, y: __m256) -> __m256 {
    // SAFETY: the caller's CPU has AVX2.
    unsafe {
        _mm256_add_ps(
            _mm256_permute2f128_ps::<0x20>(x, y),
            _mm256_permute2f128_ps::<0x31>(x, y),
        )
    }
}

#[inline(always)]
unsafe fn fold_pairs(x: __m256, y: __m256) -> __m256 {
    // SAFETY: the caller's CPU has AVX2.
    unsafe {
        _mm256_add_ps(
            _mm256_shuffle_ps::<0b01_00_01_00>(x, y),
            _mm256_shuffle_ps::<0b11_10_11_10>(x, y),
        )
    }
}

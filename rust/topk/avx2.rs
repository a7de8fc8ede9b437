//! The kernel for x86-64 with AVX2 and FMA: sixteen lanes are two registers.

use std::arch::x86_64::*;

use super::block::Block;
use super::lanes::{self, Lanes, score_block};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 3;

/// Scores a block.
///
/// # Safety
///
/// The CPU has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn score(block: &mut Block<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the panel's width.
    unsafe {
        match block.panel.width() {
            1 => score_block::<Ymm, 4, 1>(block),
            2 => score_block::<Ymm, 3, 2>(block),
            3 => score_block::<Ymm, 2, 3>(block),
            width => debug_assert_eq!(width, 0),
        }
    }
}

/// Pairs of registers that [`multiply_adds`] works on.
pub(super) const COUNTERS: usize = 6;

/// Multiply-adds for the measurement of the peak.
///
/// # Safety
///
/// The CPU has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn multiply_adds(rounds: u64) -> f32 {
    // SAFETY: the caller's CPU has the instructions.
    unsafe { lanes::multiply_adds::<Ymm, COUNTERS>(rounds) }
}

/// Lanes 0 to 7 and 8 to 15.
#[derive(Clone, Copy)]
struct Ymm(__m256, __m256);

// SAFETY (all methods): the trait's contract gives AVX2, FMA and readable memory.
impl Lanes for Ymm {
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Ymm(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }

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
    unsafe fn prefetch(address: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
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

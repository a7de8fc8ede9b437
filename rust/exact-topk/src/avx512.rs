//! The kernel for x86-64 with AVX-512 (F, VL and BW): sixteen lanes are one register.

use std::arch::x86_64::*;

use super::block::Block;
use super::element::{BFloat16, Encoding, Float16, Float32, Values};
use super::lanes::{self, Lanes, Load, score_block};
use super::outer::{self, OuterBlock, note_candidates};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 8;

/// Scores a block.
///
/// # Safety
///
/// The CPU has AVX-512F, VL and BW.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
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

// VL for the compiler: without it, sums whose lower halves it names can't live in registers 16 to 31,
// and a tile doesn't fit.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
unsafe fn score_rows<E: Encoding>(block: &mut Block<'_>, values: &[E::Stored])
where
    Zmm: Load<E>,
{
    // SAFETY: the caller's CPU has the instructions, and each arm names the panel's width. A tile
    // has at most 24 sums, which leaves registers for its rows and one query.
    unsafe {
        match block.panel.width() {
            1 => score_block::<Zmm, E, 8, 1>(block, values),
            2 => score_block::<Zmm, E, 8, 2>(block, values),
            3 => score_block::<Zmm, E, 8, 3>(block, values),
            4 => score_block::<Zmm, E, 6, 4>(block, values),
            5 => score_block::<Zmm, E, 4, 5>(block, values),
            6 => score_block::<Zmm, E, 4, 6>(block, values),
            7 => score_block::<Zmm, E, 3, 7>(block, values),
            8 => score_block::<Zmm, E, 3, 8>(block, values),
            width => debug_assert_eq!(width, 0),
        }
    }
}

/// Scores rows, wherever they lie, with one query.
///
/// # Safety
///
/// The CPU has AVX-512F, VL and BW; the rest is as for [`lanes::score_scattered`].
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
pub(super) unsafe fn score_scattered(
    rows: &[Values<'_>],
    dimension: usize,
    query: &[f32],
    scores: &mut [f32],
) {
    // SAFETY: the caller's contract.
    unsafe { lanes::score_scattered::<Zmm, 8>(rows, dimension, query, scores) }
}

/// Registers of the widest panel of [`note_outer`].
pub(super) const OUTER_REGISTERS: usize = 2;

/// Notes a block's candidates.
///
/// # Safety
///
/// The CPU has AVX-512F, VL and BW.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
pub(super) unsafe fn note_outer(block: &mut OuterBlock<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the panel's registers.
    unsafe {
        match block.panel.registers() {
            1 => note_candidates::<Zmm, 12, 1>(block),
            2 => note_candidates::<Zmm, 12, 2>(block),
            registers => debug_assert_eq!(registers, 0),
        }
    }
}

/// Converts rows and squares their norms.
///
/// # Safety
///
/// The CPU has AVX-512F, VL and BW.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
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
                outer::measure::<Zmm, Float32>(values, dimension, &mut [], squares);
            }
            Values::Float16(bits) => {
                outer::measure::<Zmm, Float16>(bits, dimension, decoded, squares)
            }
            Values::BFloat16(bits) => {
                outer::measure::<Zmm, BFloat16>(bits, dimension, decoded, squares);
            }
        }
    }
}

/// Registers that [`multiply_adds`] works on.
pub(super) const COUNTERS: usize = 16;

/// Multiply-adds for the measurement of the peak.
///
/// # Safety
///
/// The CPU has AVX-512F, VL and BW.
#[target_feature(enable = "avx512f,avx512vl,avx512bw")]
pub(super) unsafe fn multiply_adds(rounds: u64) -> f32 {
    // SAFETY: the caller's CPU has the instructions.
    unsafe { lanes::multiply_adds::<Zmm, COUNTERS>(rounds) }
}

/// One register.
#[derive(Clone, Copy)]
struct Zmm(__m512);

// SAFETY (all methods): the trait's contract gives AVX-512F, VL, BW and readable memory.
impl Lanes for Zmm {
    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Zmm(_mm512_setzero_ps()) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, x: Self, y: Self) -> Self {
        unsafe { Zmm(_mm512_fmadd_ps(x.0, y.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn not_below(self, limit: Self) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(self.0, limit.0) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        unsafe { Zmm(_mm512_set1_ps(*from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn fold(groups: [Self; 8]) -> [f32; 8] {
        unsafe {
            let [a, b, c, d, e, f, g, h] = groups;
            // l + (l + 8), two sums to a register in quarters: [a a b b] and so on.
            let ab = fold_quarters::<0b01_00_01_00, 0b11_10_11_10>(a.0, b.0);
            let cd = fold_quarters::<0b01_00_01_00, 0b11_10_11_10>(c.0, d.0);
            let ef = fold_quarters::<0b01_00_01_00, 0b11_10_11_10>(e.0, f.0);
            let gh = fold_quarters::<0b01_00_01_00, 0b11_10_11_10>(g.0, h.0);
            // l + (l + 4): [a b c d].
            let abcd = fold_quarters::<0b10_00_10_00, 0b11_01_11_01>(ab, cd);
            let efgh = fold_quarters::<0b10_00_10_00, 0b11_01_11_01>(ef, gh);
            // l + (l + 2), inside quarters: [a a e e | b b f f | c c g g | d d h h].
            let pairs = _mm512_add_ps(
                _mm512_shuffle_ps::<0b01_00_01_00>(abcd, efgh),
                _mm512_shuffle_ps::<0b11_10_11_10>(abcd, efgh),
            );
            // l + (l + 1); the sums are then in the even lanes, in the order a e b f c g d h.
            let sums = _mm512_add_ps(pairs, _mm512_movehdup_ps(pairs));
            let order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0);
            let ordered = _mm512_castps512_ps256(_mm512_permutexvar_ps(order, sums));
            let mut out = [0.0; 8];
            _mm256_storeu_ps(out.as_mut_ptr(), ordered);
            out
        }
    }

    #[inline(always)]
    unsafe fn prefetch(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
}

impl Load<Float32> for Zmm {
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Zmm(_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        unsafe {
            Zmm(_mm512_maskz_loadu_ps(
                ((1u32 << count) - 1) as __mmask16,
                from,
            ))
        }
    }
}

impl Load<Float16> for Zmm {
    #[inline(always)]
    unsafe fn load(from: *const u16) -> Self {
        unsafe { Zmm(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const u16, count: usize) -> Self {
        unsafe { Zmm(_mm512_cvtph_ps(first_bits(from, count))) }
    }
}

impl Load<BFloat16> for Zmm {
    #[inline(always)]
    unsafe fn load(from: *const u16) -> Self {
        unsafe { upper_halves(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const u16, count: usize) -> Self {
        unsafe { upper_halves(first_bits(from, count)) }
    }
}

#[inline(always)]
unsafe fn first_bits(from: *const u16, count: usize) -> __m256i {
    // SAFETY: the caller's CPU has AVX-512BW and VL, and its `count` values are readable.
    unsafe { _mm256_maskz_loadu_epi16(((1u32 << count) - 1) as __mmask16, from.cast()) }
}

#[inline(always)]
unsafe fn upper_halves(bits: __m256i) -> Zmm {
    // SAFETY: the caller's CPU has AVX-512F.
    unsafe {
        Zmm(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(
            _mm512_cvtepu16_epi32(bits),
        )))
    }
}

#[inline(always)]
unsafe fn fold_quarters<const FIRST: i32, const SECOND: i32>(x: __m512, y: __m512) -> __m512 {
    // SAFETY: the caller's CPU has AVX-512F.
    unsafe {
        _mm512_add_ps(
            _mm512_shuffle_f32x4::<FIRST>(x, y),
            _mm512_shuffle_f32x4::<SECOND>(x, y),
        )
    }
}

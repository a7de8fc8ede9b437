//! The kernels for x86-64 with AVX2, and with AVX-VNNI: sixteen sums are two registers. AVX2 adds pairs of products in
//! 16 bits, and these pairs in 32; with AVX-VNNI four products and the addition are one instruction.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::Candidate;
use super::codes::{CodeBlock, Codes, LEVELS};
use super::scan::scan_block;
use super::tails::{self, ROWS, Sums, TailCodes, Tails};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 5;

/// Queries per call with AVX-VNNI, which needs a register less.
pub(super) const WIDEST_VNNI_PANEL: usize = 6;

/// Scans a block.
///
/// # Safety
///
/// The CPU has AVX2 and FMA; and the contract of [`scan_block`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn scan(block: &mut CodeBlock<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the number of queries.
    unsafe {
        match block.reaches.len() {
            1 => scan_block::<Ymm<InPairs>, 3, 1>(block),
            2 => scan_block::<Ymm<InPairs>, 2, 2>(block),
            3 => scan_block::<Ymm<InPairs>, 1, 3>(block),
            4 => scan_block::<Ymm<InPairs>, 1, 4>(block),
            5 => scan_block::<Ymm<InPairs>, 1, 5>(block),
            queries => debug_assert_eq!(queries, 0),
        }
    }
}

/// Scans a block with AVX-VNNI.
///
/// # Safety
///
/// The CPU has AVX2, FMA and AVX-VNNI; and the contract of [`scan_block`].
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(super) unsafe fn scan_vnni(block: &mut CodeBlock<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the number of queries.
    unsafe {
        match block.reaches.len() {
            1 => scan_block::<Ymm<AtOnce>, 3, 1>(block),
            2 => scan_block::<Ymm<AtOnce>, 2, 2>(block),
            3 => scan_block::<Ymm<AtOnce>, 1, 3>(block),
            4 => scan_block::<Ymm<AtOnce>, 1, 4>(block),
            5 => scan_block::<Ymm<AtOnce>, 1, 5>(block),
            6 => scan_block::<Ymm<AtOnce>, 1, 6>(block),
            queries => debug_assert_eq!(queries, 0),
        }
    }
}

/// [`tails::refine`].
///
/// # Safety
///
/// The CPU has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn refine(
    rows: &Tails<'_>,
    candidates: &mut Vec<Candidate>,
    from: usize,
    threshold: f32,
) {
    tails::refine(rows, candidates, from, threshold, |rows, codes| {
        // SAFETY: the caller's CPU has the instructions; `refine` promises the lengths.
        unsafe { sums(rows, codes) }
    });
}

/// [`tails::sums`].
///
/// # Safety
///
/// The CPU has AVX2; the planes of the query's codes are of the same multiple of 32 bytes, and no longer than a row.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn sums(rows: [&[u8]; ROWS], codes: &TailCodes) -> Sums {
    // SAFETY: all that is read is within the rows, and within planes of one length.
    unsafe {
        let load = |from: *const u8| _mm256_loadu_si256(from.cast());
        let plane = |query: &[i8], at| _mm256_loadu_si256(query.as_ptr().add(at).cast());
        let levels = _mm256_broadcastsi128_si256(_mm_loadu_si128(LEVELS.as_ptr().cast()));
        let (half, quarter) = (_mm256_set1_epi8(15), _mm256_set1_epi8(3));
        let level = |codes| _mm256_shuffle_epi8(levels, _mm256_and_si256(codes, half));
        let [lower, upper] = &codes.halves;
        let mut second = [_mm256_setzero_si256(); ROWS];
        for at in (0..lower.len()).step_by(tails::STEP) {
            let (lower, upper) = (plane(lower, at), plane(upper, at));
            for (sum, row) in second.iter_mut().zip(rows) {
                let codes = load(row.as_ptr().add(at));
                *sum = InPairs::add(*sum, level(codes), lower);
                *sum = InPairs::add(*sum, level(_mm256_srli_epi16::<4>(codes)), upper);
            }
        }
        let [first, next, third, last] = &codes.quarters;
        let code = |codes| _mm256_and_si256(codes, quarter);
        let mut correction = [_mm256_setzero_si256(); ROWS];
        for at in (0..first.len()).step_by(tails::STEP) {
            let (from, after) = (plane(first, at), plane(next, at));
            let (third, last) = (plane(third, at), plane(last, at));
            for (sum, row) in correction.iter_mut().zip(rows) {
                let codes = load(row.as_ptr().add(row.len() - first.len() + at));
                *sum = InPairs::add(*sum, code(codes), from);
                *sum = InPairs::add(*sum, code(_mm256_srli_epi16::<2>(codes)), after);
                *sum = InPairs::add(*sum, code(_mm256_srli_epi16::<4>(codes)), third);
                *sum = InPairs::add(*sum, code(_mm256_srli_epi16::<6>(codes)), last);
            }
        }
        Sums {
            second: fold(second),
            correction: fold(correction),
        }
    }
}

/// The sum of each register.
///
/// # Safety
///
/// The CPU has AVX2.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn fold(sums: [__m256i; ROWS]) -> [i32; ROWS] {
    let (x, y) = (
        _mm256_hadd_epi32(sums[0], sums[1]),
        _mm256_hadd_epi32(sums[2], sums[3]),
    );
    // A sum of each in both halves.
    let sums = _mm256_hadd_epi32(x, y);
    let upper = _mm256_extracti128_si256::<1>(sums);
    let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), upper);
    let mut folded = [0; ROWS];
    // SAFETY: there is room for four numbers.
    unsafe { _mm_storeu_si128(folded.as_mut_ptr().cast(), sums) };
    folded
}

/// How products of codes are added.
trait Products: Copy {
    /// Adds the four products of each 32 bits to a sum.
    ///
    /// # Safety
    ///
    /// The CPU has the implementor's instructions.
    unsafe fn add(sums: __m256i, rows: __m256i, query: __m256i) -> __m256i;
}

/// With AVX2: the codes of queries, or the levels and corrections of rows, are so small that pairs of products don't saturate.
#[derive(Clone, Copy)]
struct InPairs;

impl Products for InPairs {
    #[inline(always)]
    unsafe fn add(sums: __m256i, rows: __m256i, query: __m256i) -> __m256i {
        // SAFETY: the caller's CPU has AVX2.
        unsafe {
            let pairs = _mm256_maddubs_epi16(rows, query);
            _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
}

/// With AVX-VNNI.
#[derive(Clone, Copy)]
struct AtOnce;

impl Products for AtOnce {
    #[inline(always)]
    unsafe fn add(sums: __m256i, rows: __m256i, query: __m256i) -> __m256i {
        // SAFETY: the caller's CPU has AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(sums, rows, query) }
    }
}

/// The sums of rows 0 to 7 and of rows 8 to 15.
#[derive(Clone, Copy)]
struct Ymm<P>([__m256i; 2], PhantomData<P>);

// SAFETY (all methods): the trait's contract gives the instructions and readable memory.
impl<P: Products> Codes for Ymm<P> {
    /// Of rows 0 to 7 and 8 to 15, four codes each.
    type Rows = [__m256i; 2];
    type Query = __m256i;
    type Floats = [__m256; 2];
    const FEW_SUMS: usize = 1;

    #[inline(always)]
    unsafe fn start(sum: i32) -> Self {
        unsafe { Ymm([_mm256_set1_epi32(sum); 2], PhantomData) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Rows {
        unsafe {
            [
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(32).cast()),
            ]
        }
    }

    #[inline(always)]
    unsafe fn load_narrow(from: *const u8) -> [Self::Rows; 2] {
        unsafe {
            let levels = _mm256_broadcastsi128_si256(_mm_loadu_si128(LEVELS.as_ptr().cast()));
            let lower_half = _mm256_set1_epi8(15);
            let codes = Self::load(from);
            let lower = |codes| _mm256_shuffle_epi8(levels, _mm256_and_si256(codes, lower_half));
            let upper = |codes| lower(_mm256_srli_epi16::<4>(codes));
            [
                [lower(codes[0]), lower(codes[1])],
                [upper(codes[0]), upper(codes[1])],
            ]
        }
    }

    #[inline(always)]
    unsafe fn query(from: *const u32) -> __m256i {
        unsafe { _mm256_set1_epi32(from.read_unaligned().cast_signed()) }
    }

    #[inline(always)]
    unsafe fn add(self, rows: Self::Rows, query: __m256i) -> Self {
        unsafe {
            let sums = [
                P::add(self.0[0], rows[0], query),
                P::add(self.0[1], rows[1], query),
            ];
            Ymm(sums, PhantomData)
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe {
            let sums = [
                _mm256_add_epi32(self.0[0], other.0[0]),
                _mm256_add_epi32(self.0[1], other.0[1]),
            ];
            Ymm(sums, PhantomData)
        }
    }

    #[inline(always)]
    unsafe fn store_sums(self, to: *mut i32) {
        unsafe {
            _mm256_storeu_si256(to.cast(), self.0[0]);
            _mm256_storeu_si256(to.add(8).cast(), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn load_sums(from: *const i32) -> Self {
        unsafe {
            let sums = [
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(8).cast()),
            ];
            Ymm(sums, PhantomData)
        }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> Self::Floats {
        unsafe {
            let first = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            let second = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.add(16).cast()));
            [
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(first)),
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(second)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn equal(float: f32) -> Self::Floats {
        unsafe { [_mm256_set1_ps(float); 2] }
    }

    #[inline(always)]
    unsafe fn weighted(floats: Self::Floats, weight: f32, more: Self::Floats) -> Self::Floats {
        let weighted =
            |floats, more| unsafe { _mm256_fmadd_ps(floats, _mm256_set1_ps(weight), more) };
        [weighted(floats[0], more[0]), weighted(floats[1], more[1])]
    }

    #[inline(always)]
    unsafe fn scaled(self, scale: Self::Floats, factor: f32, more: Self::Floats) -> Self::Floats {
        let scaled = |sums, scale, more| unsafe {
            let scale = _mm256_mul_ps(scale, _mm256_set1_ps(factor));
            _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, more)
        };
        [
            scaled(self.0[0], scale[0], more[0]),
            scaled(self.0[1], scale[1], more[1]),
        ]
    }

    #[inline(always)]
    unsafe fn reaches(floats: Self::Floats, threshold: f32) -> u16 {
        unsafe {
            let threshold = _mm256_set1_ps(threshold);
            let first = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(floats[0], threshold));
            let second = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(floats[1], threshold));
            (first | second << 8) as u16
        }
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, floats[0]);
            _mm256_storeu_ps(to.add(8), floats[1]);
        }
    }

    #[inline(always)]
    unsafe fn prefetch(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_near(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}

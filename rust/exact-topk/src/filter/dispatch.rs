//! Which kernel scans the codes: it follows the kernel that scores.

use super::Candidate;
use super::codes::{CodeBlock, Layout, STEP};
use super::tails::Tails;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, vnni};
use super::{scalar, tails, tiles};
use crate::Kernel;

/// An implementation of the scan for one instruction set. All find the same sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeKernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl CodeKernel {
    /// The one that goes with a kernel. AVX-512 without VNNI has little over AVX2 here.
    pub(crate) fn of(kernel: Kernel) -> Self {
        match kernel {
            Kernel::Scalar => CodeKernel::Scalar,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::Avx512 => CodeKernel::Avx2,
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => CodeKernel::AvxVnni,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => CodeKernel::Vnni,
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => CodeKernel::Amx,
        }
    }

    /// Most queries in a panel, but for one of tiles.
    pub(super) fn widest_panel(self) -> usize {
        match self {
            CodeKernel::Scalar => scalar::WIDEST_PANEL,
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Avx2 => avx2::WIDEST_PANEL,
            #[cfg(target_arch = "x86_64")]
            CodeKernel::AvxVnni => avx2::WIDEST_VNNI_PANEL,
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Vnni | CodeKernel::Amx => vnni::WIDEST_PANEL,
        }
    }

    /// Most queries in a panel of tiles, which so many queries are best looked at in.
    pub(super) fn widest_tiles(self, queries: usize) -> Option<usize> {
        match self {
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Amx if queries > self.widest_panel() => Some(amx::WIDEST_PANEL),
            _ => None,
        }
    }

    /// Whether two products are added in 16 bits, for which the codes of queries must be small enough.
    pub(super) fn adds_in_16_bits(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Avx2 => true,
            _ => false,
        }
    }

    /// Queries that codes which are read as one stream are asked from memory ahead with. With fewer a Zen 4 follows the stream
    /// better by itself; a Zen 5 takes twice as long then. Others were not measured.
    pub(super) fn fewest_asking(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Vnni if vnni::is_zen_4() => 3,
            _ => 1,
        }
    }

    /// Lowers the bounds of candidates: [`tails::refine`].
    pub(super) fn refine(
        self,
        rows: &Tails<'_>,
        candidates: &mut Vec<Candidate>,
        from: usize,
        threshold: f32,
    ) {
        match self {
            CodeKernel::Scalar => tails::refine(rows, candidates, from, threshold, tails::sums),
            // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Avx2 | CodeKernel::AvxVnni => unsafe {
                avx2::refine(rows, candidates, from, threshold)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Vnni | CodeKernel::Amx => unsafe {
                vnni::refine(rows, candidates, from, threshold)
            },
        }
    }

    /// Runs `rounds` rounds of multiply-adds of codes in registers; returns a value that depends on all of
    /// them, and their number per round. `None` without an instruction for it.
    pub(crate) fn multiply_adds(self, rounds: u64) -> Option<(i64, u64)> {
        match self {
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Vnni => {
                // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
                let value = unsafe { vnni::multiply_adds(rounds) };
                Some((value, (vnni::COUNTERS * super::codes::STEP_BYTES) as u64))
            }
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Amx => {
                // SAFETY: as above.
                let value = unsafe { amx::multiply_adds(rounds) };
                Some((value, amx::MULTIPLY_ADDS))
            }
            _ => None,
        }
    }

    /// Scans a block.
    pub(super) fn scan(self, block: &mut CodeBlock<'_>) {
        // The kernels trust these; they cost little beside a block.
        let queries = block.reaches.len();
        let Layout { wide, narrow } = block.layout;
        assert!(wide.is_multiple_of(STEP) && narrow.is_multiple_of(2 * STEP));
        match self.widest_tiles(queries) {
            Some(widest) => {
                assert_eq!(block.panel.len(), tiles::words(queries, wide));
                assert!(queries <= widest && wide > 0 && narrow == 0);
            }
            None => {
                assert_eq!(block.panel.len(), (wide + narrow) / STEP * queries);
                assert!((1..=self.widest_panel()).contains(&queries));
            }
        }
        assert!(block.starts.len() == queries && block.thresholds.len() == queries);
        assert_eq!(block.candidates.len(), queries);
        let most = block
            .chosen
            .iter()
            .map(|chosen| chosen.group as usize + 1)
            .max()
            .unwrap_or(0);
        assert!(most.saturating_mul(block.layout.stride()) <= block.groups.len());
        match self {
            // SAFETY: the assertions above are the contract.
            CodeKernel::Scalar => unsafe { scalar::scan(block) },
            // SAFETY: as above; a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Avx2 => unsafe { avx2::scan(block) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::AvxVnni => unsafe { avx2::scan_vnni(block) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Amx if queries > vnni::WIDEST_PANEL => unsafe { amx::scan(block) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            CodeKernel::Vnni | CodeKernel::Amx => unsafe { vnni::scan(block) },
        }
    }
}

//! Which kernel runs: the widest that the CPU has, or the one the environment asks for.

use std::fmt;
use std::sync::OnceLock;

use super::block::{Block, LANES, Panel};
use super::element::Values;
#[cfg(target_arch = "x86_64")]
use super::filter::amx_is_available;
use super::outer::OuterBlock;
use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::{Error, Result};

/// The environment variable that forces a kernel; read once, at the first search.
pub const KERNEL_VARIABLE: &str = "CSLIR_KERNEL";

/// An implementation of scoring for one instruction set. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// Portable Rust.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with AVX-VNNI, which adds nothing to float scores.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// x86-64 with AVX-512 F, VL and BW.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// The same with VNNI, which adds nothing to float scores.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// The same with tiles of bytes, for the filters of many queries.
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl Kernel {
    /// All kernels of this build, the slowest first.
    const ALL: &'static [Kernel] = &[
        Kernel::Scalar,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2,
        #[cfg(target_arch = "x86_64")]
        Kernel::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni,
        #[cfg(target_arch = "x86_64")]
        Kernel::Amx,
    ];

    /// The kernels that this CPU can run, the slowest first.
    pub fn available() -> impl Iterator<Item = Kernel> {
        Self::ALL
            .iter()
            .copied()
            .filter(|kernel| kernel.is_available())
    }

    /// The kernel that searches use: the one named by [`KERNEL_VARIABLE`], or the fastest.
    ///
    /// # Errors
    ///
    /// The variable names no kernel, or one that this CPU can't run.
    pub fn active() -> Result<Kernel> {
        static FORCED: OnceLock<Option<String>> = OnceLock::new();
        let forced = FORCED.get_or_init(|| {
            let value = std::env::var_os(KERNEL_VARIABLE)?;
            Some(value.to_string_lossy().into_owned())
        });
        match forced.as_deref() {
            None | Some("") => Ok(Self::available().last().unwrap_or(Kernel::Scalar)),
            Some(name) => Self::named(name),
        }
    }

    /// The kernel of that name, if this CPU can run it.
    pub(super) fn named(name: &str) -> Result<Kernel> {
        Self::available()
            .find(|kernel| kernel.name() == name)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::available().map(Kernel::name).collect();
                let known =
                    ["scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "amx"].contains(&name);
                let reason = if known {
                    "can't run on this CPU"
                } else {
                    "is no kernel"
                };
                Error::input(
                    format!("{KERNEL_VARIABLE}={name}: {name:?} {reason}"),
                    format!(
                        "unset {KERNEL_VARIABLE}, or use one of {}",
                        names.join(", ")
                    ),
                )
            })
    }

    /// The name that [`KERNEL_VARIABLE`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => "amx",
        }
    }

    /// Whether this CPU has the instructions (the standard library caches the answer).
    fn is_available(self) -> bool {
        match self {
            Kernel::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => Kernel::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => {
                Kernel::Avx512.is_available() && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx => Kernel::Avx512Vnni.is_available() && amx_is_available(),
        }
    }

    /// Most queries in a panel.
    pub(super) fn widest_panel(self) -> usize {
        match self {
            Kernel::Scalar => scalar::WIDEST_PANEL,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => avx2::WIDEST_PANEL,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => avx512::WIDEST_PANEL,
        }
    }

    /// Scores the rows of a block with the queries of its panel.
    pub(super) fn score(self, block: &mut Block<'_>) {
        // The kernels trust these; they cost nothing beside a block.
        assert!(block.dimension > 0 && block.values.len().is_multiple_of(block.dimension));
        let rows = block.values.len() / block.dimension;
        assert_eq!(block.scores.len(), rows * block.panel.width());
        assert!((1..=self.widest_panel()).contains(&block.panel.width()));
        assert!(block.panel.len() >= block.panel.width() * block.dimension);
        match self {
            Kernel::Scalar => scalar::score(block),
            // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => unsafe { avx2::score(block) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => unsafe { avx512::score(block) },
        }
    }

    /// Scores whole rows of `dimension` values, wherever they lie, with the only query of a panel.
    pub(super) fn score_scattered(
        self,
        rows: &[Values<'_>],
        dimension: usize,
        query: &Panel,
        scores: &mut [f32],
    ) {
        // As in `score`.
        assert!(rows.len() == scores.len() && query.width() == 1);
        assert!(dimension > 0 && query.len() >= dimension.next_multiple_of(LANES));
        assert!(rows.iter().all(|row| row.len() == dimension));
        // SAFETY: the assertions are the contract; a `Kernel` other than Scalar comes from `available`, which asked the CPU.
        unsafe {
            match self {
                Kernel::Scalar => scalar::score_scattered(rows, dimension, query, scores),
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx2 | Kernel::AvxVnni => {
                    avx2::score_scattered(rows, dimension, query, scores);
                }
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => {
                    avx512::score_scattered(rows, dimension, query, scores);
                }
            }
        }
    }

    /// Most registers in a panel of many queries.
    pub(super) fn outer_registers(self) -> usize {
        match self {
            Kernel::Scalar => scalar::OUTER_REGISTERS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => avx2::OUTER_REGISTERS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => avx512::OUTER_REGISTERS,
        }
    }

    /// Notes the rows of a block that may reach the limits of its queries.
    pub(super) fn note_candidates(self, block: &mut OuterBlock<'_>) {
        // As in `score`.
        let (rows, lanes) = (block.norms.len(), block.panel.registers() * LANES);
        assert!(block.dimension > 0 && block.rows.len() == rows * block.dimension);
        assert_eq!(block.limits.len(), lanes);
        assert!((1..=self.outer_registers()).contains(&block.panel.registers()));
        assert_eq!(block.panel.dimension(), block.dimension);
        match self {
            Kernel::Scalar => scalar::note_outer(block),
            // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => unsafe { avx2::note_outer(block) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => unsafe {
                avx512::note_outer(block)
            },
        }
    }

    /// Converts whole rows to float32 into `decoded`, where they are not, and gives the squares of their norms.
    pub(super) fn measure(
        self,
        values: Values<'_>,
        dimension: usize,
        decoded: &mut [f32],
        squares: &mut [f32],
    ) {
        assert!(dimension > 0 && values.len() == squares.len() * dimension);
        assert!(matches!(values, Values::Float32(_)) || decoded.len() == values.len());
        match self {
            Kernel::Scalar => scalar::measure(values, dimension, decoded, squares),
            // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => unsafe {
                avx2::measure(values, dimension, decoded, squares)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => unsafe {
                avx512::measure(values, dimension, decoded, squares)
            },
        }
    }

    /// Runs `rounds` rounds of multiply-adds in registers; returns a value that depends on all of
    /// them, and their number in one round.
    pub(super) fn multiply_adds(self, rounds: u64) -> (f32, u64) {
        let (value, counters) = match self {
            Kernel::Scalar => (scalar::multiply_adds(rounds), scalar::COUNTERS),
            // SAFETY: a `Kernel` other than Scalar comes from `available`, which asked the CPU.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni => {
                (unsafe { avx2::multiply_adds(rounds) }, avx2::COUNTERS)
            }
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 | Kernel::Avx512Vnni | Kernel::Amx => {
                (unsafe { avx512::multiply_adds(rounds) }, avx512::COUNTERS)
            }
        };
        (value, (counters * LANES) as u64)
    }
}

/// The instruction sets of this CPU among those that tell its kernels apart, by the names of Rust's
/// target features.
pub fn instruction_sets() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let seen = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avxvnni", is_x86_feature_detected!("avxvnni")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("amx-int8", amx_is_available()),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let seen: [(&str, bool); 0] = [];
    seen.into_iter()
        .filter_map(|(name, is_there)| is_there.then_some(name))
        .collect()
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_kernel_is_found_by_its_name() {
        let kernels: Vec<Kernel> = Kernel::available().collect();
        assert_eq!(kernels[0], Kernel::Scalar);
        for kernel in kernels {
            assert_eq!(Kernel::named(kernel.name()).unwrap(), kernel);
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_instruction_sets_seen_are_those_that_choose_the_kernels() {
        let seen = instruction_sets();
        let has = |names: &[&str]| names.iter().all(|name| seen.contains(name));
        for (kernel, needed) in [
            (Kernel::Avx2, &["avx2", "fma", "f16c"][..]),
            (Kernel::AvxVnni, &["avx2", "fma", "f16c", "avxvnni"]),
            (Kernel::Avx512, &["avx512f", "avx512vl", "avx512bw"]),
            (
                Kernel::Avx512Vnni,
                &["avx512f", "avx512vl", "avx512bw", "avx512vnni"],
            ),
            (
                Kernel::Amx,
                &["avx512f", "avx512vl", "avx512bw", "avx512vnni", "amx-int8"],
            ),
        ] {
            assert_eq!(kernel.is_available(), has(needed), "{kernel}: {seen:?}");
        }
    }

    #[test]
    fn an_unknown_kernel_is_refused_with_the_choices() {
        let message = Kernel::named("sse9").unwrap_err().to_string();
        assert!(message.starts_with("CSLIR_KERNEL=sse9"), "{message}");
        assert!(message.contains("is no kernel"), "{message}");
        assert!(message.contains("scalar"), "{message}");
    }
}

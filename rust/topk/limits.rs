//! What this machine can do at best, to hold the speed of a search against.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use super::dispatch::Kernel;
use super::filter::CodeKernel;
use crate::Result;
use crate::interrupt::Interrupt;

/// Values read in a measurement: far more than caches hold.
const READ_VALUES: usize = 1 << 25;

/// Values that a thread reads in one go, as four streams.
const PIECE: usize = 1 << 17;

/// Rounds of multiply-adds in a measurement.
const ROUNDS: u64 = 1 << 21;

/// Measurements, of which the best counts: others may use the machine too.
const MEASUREMENTS: usize = 12;

/// Bytes per second that the current pool's threads read from memory together.
pub fn read_bandwidth(interrupt: &Interrupt) -> Result<f64> {
    let values: Vec<u64> = (0..READ_VALUES as u64).into_par_iter().collect();
    let seconds = best_seconds(interrupt, || {
        values
            .par_chunks(PIECE)
            .map(sum_in_streams)
            .reduce(|| 0, u64::wrapping_add)
    })?;
    Ok(size_of_val(values.as_slice()) as f64 / seconds)
}

/// Floating-point operations per second of the current pool's threads together, two for each
/// fused multiply-add, in the instructions of the active kernel and without touching memory.
pub fn multiply_add_peak(interrupt: &Interrupt) -> Result<f64> {
    let kernel = Kernel::active()?;
    let threads = rayon::current_num_threads();
    let operations = kernel.multiply_adds(1).1 * 2;
    let seconds = best_seconds(interrupt, || {
        (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .map(|_| kernel.multiply_adds(ROUNDS).0)
            .sum::<f32>()
    })?;
    Ok((threads as u64 * ROUNDS * operations) as f64 / seconds)
}

/// Operations per second of the current pool's threads together on 8-bit integers, two for each
/// multiply-add, in the instructions of the active kernel and without touching memory; `None` where
/// these have no dot product of bytes.
pub fn int8_peak(interrupt: &Interrupt) -> Result<Option<f64>> {
    let kernel = CodeKernel::of(Kernel::active()?);
    let Some((_, multiply_adds)) = kernel.multiply_adds(1) else {
        return Ok(None);
    };
    let threads = rayon::current_num_threads();
    let seconds = best_seconds(interrupt, || {
        (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .filter_map(|_| kernel.multiply_adds(ROUNDS))
            .map(|(value, _)| value)
            .sum::<i64>()
    })?;
    Ok(Some(
        (threads as u64 * ROUNDS * multiply_adds * 2) as f64 / seconds,
    ))
}

fn best_seconds<T>(interrupt: &Interrupt, mut work: impl FnMut() -> T) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..MEASUREMENTS {
        interrupt.check()?;
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn sum_in_streams(values: &[u64]) -> u64 {
    let (front, back) = values.split_at(values.len() / 2);
    let (first, second) = front.split_at(front.len() / 2);
    let (third, fourth) = back.split_at(back.len() / 2);
    first
        .iter()
        .zip(second)
        .zip(third)
        .zip(fourth)
        .fold(0u64, |sum, (((a, b), c), d)| {
            sum.wrapping_add(*a)
                .wrapping_add(*b)
                .wrapping_add(*c)
                .wrapping_add(*d)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_piece_is_read() {
        let values: Vec<u64> = (1..=64).collect();
        assert_eq!(sum_in_streams(&values), 64 * 65 / 2);
    }

    #[test]
    fn every_kernel_counts_its_multiply_adds() {
        for kernel in Kernel::available() {
            let (value, per_round) = kernel.multiply_adds(3);
            // Each sum starts at 0 and grows by 1 in each round.
            assert_eq!(value, 3.0 * per_round as f32, "{kernel}");
        }
    }

    #[test]
    fn every_kernel_counts_its_multiply_adds_of_bytes() {
        for kernel in Kernel::available() {
            if let Some((value, per_round)) = CodeKernel::of(kernel).multiply_adds(3) {
                assert_eq!(value, 3 * per_round as i64, "{kernel}");
            }
        }
    }
}

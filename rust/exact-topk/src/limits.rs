//! What this machine can do at best, to hold the speed of a search against.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use super::Matrix;
use super::dispatch::Kernel;
use super::element::Values;
use super::filter::CodeKernel;
use crate::Interrupt;
use crate::{Error, Result};

/// Values read in a measurement: far more than caches hold.
const READ_VALUES: usize = 1 << 25;

/// Values that a thread reads in one go, as two streams or four: which is quicker depends on the machine.
const PIECE: usize = 1 << 17;

/// Rounds of multiply-adds in a measurement.
const ROUNDS: u64 = 1 << 21;

/// Measurements, of which the best counts: others may use the machine too.
const MEASUREMENTS: usize = 8;

/// Bytes per second that the current pool's threads read from memory together. It depends on where in memory what is read
/// lies: these vectors, or else values of its own.
///
/// # Errors
///
/// No rows in the vectors, or an interrupt.
pub fn read_bandwidth(vectors: Option<Matrix<'_>>, interrupt: &Interrupt) -> Result<f64> {
    let own: Vec<u64>;
    let values = match vectors {
        None => {
            own = (0..READ_VALUES as u64).into_par_iter().collect();
            &own
        }
        Some(vectors) if vectors.rows() == 0 => {
            return Err(Error::input("no vectors to read", "give at least one row"));
        }
        Some(vectors) => {
            let bytes = match vectors.values() {
                Values::Float32(values) => bytemuck::cast_slice(values),
                Values::Float16(bits) | Values::BFloat16(bits) => bytemuck::cast_slice(bits),
            };
            bytemuck::pod_align_to::<u8, u64>(bytes).1
        }
    };
    let by_two = seconds_to_read::<2>(values, interrupt)?;
    let by_four = seconds_to_read::<4>(values, interrupt)?;
    Ok(size_of_val(values) as f64 / by_two.min(by_four))
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

/// The least time to read values, each piece as so many streams.
fn seconds_to_read<const STREAMS: usize>(values: &[u64], interrupt: &Interrupt) -> Result<f64> {
    best_seconds(interrupt, || {
        values
            .par_chunks(PIECE)
            .map(sum_in_streams::<STREAMS>)
            .reduce(|| 0, u64::wrapping_add)
    })
}

/// Sums up values, read as `STREAMS` streams.
fn sum_in_streams<const STREAMS: usize>(values: &[u64]) -> u64 {
    let (streams, rest) = values.split_at(values.len() / STREAMS * STREAMS);
    let length = streams.len() / STREAMS;
    let mut sums = [0u64; STREAMS];
    for at in 0..length {
        for (stream, sum) in sums.iter_mut().enumerate() {
            *sum = sum.wrapping_add(streams[stream * length + at]);
        }
    }
    let all = sums.iter().chain(rest);
    all.fold(0, |sum, value| sum.wrapping_add(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn every_value_of_a_piece_is_read() {
        let values: Vec<u64> = (1..=67).collect();
        assert_eq!(sum_in_streams::<2>(&values), 67 * 68 / 2);
        assert_eq!(sum_in_streams::<4>(&values), 67 * 68 / 2);
    }

    #[test]
    fn vectors_of_any_element_and_alignment_are_read() {
        let (floats, bits) = ([1.0; 33], [0; 35]);
        let vectors = [
            Matrix::new(&floats[1..], 8, 4).unwrap(),
            Matrix::of_bits(Element::Float16, &bits[3..], 8, 4).unwrap(),
            Matrix::of_bits(Element::BFloat16, &bits[..8], 1, 8).unwrap(),
        ];
        for vectors in vectors {
            assert!(read_bandwidth(Some(vectors), &Interrupt::new()).unwrap() > 0.0);
        }
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

//! Choice by weight.

/// Random numbers are below it.
pub(crate) const RANGE: u64 = 1 << 53;

/// A random number below [`RANGE`] as one in [0, 1).
#[inline]
pub(crate) fn uniform_of(number: u64) -> f64 {
    number as f64 * (1.0 / RANGE as f64)
}

/// The first of `count` things whose cumulative weight is greater than `uniform` times the sum of the
/// weights; sums run from left to right. Where rounding leaves none, the last one with a weight.
pub(crate) fn pick(count: usize, weight: impl Fn(usize) -> f64, uniform: f64) -> usize {
    let total = (0..count).fold(0.0, |sum, index| sum + weight(index));
    let threshold = uniform * total;
    let mut sum = 0.0;
    let mut last = 0;
    for index in 0..count {
        let own = weight(index);
        sum += own;
        if sum > threshold {
            return index;
        }
        if own > 0.0 {
            last = index;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pick_follows_the_weights() {
        let weights = [1.0, 0.0, 3.0];
        let picked = |uniform| pick(3, |index| weights[index], uniform);
        assert_eq!(
            [picked(0.0), picked(0.2499), picked(0.25), picked(0.9999)],
            [0, 0, 2, 2]
        );
        assert_eq!(pick(2, |index| [1.0, 0.0][index], 1.0), 0);
    }
}

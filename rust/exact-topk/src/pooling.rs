//! The static encoder's pooling: the embedding of a text is the normalised sum of its tokens' rows.

use std::slice::ChunksExact;

use rayon::prelude::*;

use crate::Interrupt;
use crate::Matrix;
use crate::{Error, Result};

/// Texts pooled between two looks at the interrupt.
const TEXTS_PER_PIECE: usize = 256;

/// Sums the rows of each text's tokens and scales the sum to length 1.
///
/// `table` holds one row per token id. The tokens of text `i` are
/// `token_ids[offsets[i]..offsets[i + 1]]`, so that `offsets` has one entry more than there are
/// texts. Weights and centring belong into the table. A text without tokens, or whose rows sum to
/// zero, gives zeros. Rows are added in the order of the tokens, in f32, and the length is taken in
/// f64, so the result does not depend on the number of threads.
///
/// # Errors
///
/// Offsets that don't start at 0, go down or don't end at the number of tokens; a token id without
/// a row; a table that is not float32; an embedding that is not finite; an interrupt.
pub fn pool(
    table: Matrix<'_>,
    token_ids: &[u32],
    offsets: &[i64],
    interrupt: &Interrupt,
) -> Result<Vec<f32>> {
    let bounds = check_offsets(offsets, token_ids.len())?;
    let dimension = table.dimension();
    let rows = table.float32_values("table")?.chunks_exact(dimension);
    let texts = bounds.len() - 1;
    let mut embeddings = vec![0.0; texts * dimension];
    let pool_piece = |(piece, embeddings): (usize, &mut [f32])| {
        interrupt.check()?;
        for (offset, embedding) in embeddings.chunks_exact_mut(dimension).enumerate() {
            let text = piece * TEXTS_PER_PIECE + offset;
            let tokens = &token_ids[bounds[text]..bounds[text + 1]];
            pool_text(&rows, tokens, embedding).map_err(|problem| problem.of_text(text))?;
        }
        Ok(())
    };
    if texts <= TEXTS_PER_PIECE {
        pool_piece((0, &mut embeddings))?;
        return Ok(embeddings);
    }
    // Every piece is looked at, and the first bad one reported, so that the message is the same
    // whatever the number of threads.
    let outcomes: Vec<Result<()>> = embeddings
        .par_chunks_mut(TEXTS_PER_PIECE * dimension)
        .enumerate()
        .map(pool_piece)
        .collect();
    outcomes.into_iter().collect::<Result<()>>()?;
    Ok(embeddings)
}

/// The offsets as indices, once they are known to be in order and inside the tokens.
fn check_offsets(offsets: &[i64], tokens: usize) -> Result<Vec<usize>> {
    let remedy = "give offsets from 0 to the number of tokens, one more than texts";
    let Some((first, rest)) = offsets.split_first() else {
        return Err(Error::input("no offsets", remedy));
    };
    if *first != 0 {
        return Err(Error::input(
            format!("text 0 starts at token {first}, not at 0"),
            remedy,
        ));
    }
    let mut bounds = Vec::with_capacity(offsets.len());
    let mut start = 0;
    bounds.push(start);
    for (text, end) in rest.iter().enumerate() {
        match usize::try_from(*end) {
            Ok(end) if end >= start && end <= tokens => start = end,
            _ => {
                return Err(Error::input(
                    format!("text {text} spans tokens {start} to {end}, of {tokens}"),
                    remedy,
                ));
            }
        }
        bounds.push(start);
    }
    if start != tokens {
        return Err(Error::input(
            format!("the last text ends at token {start}, of {tokens}"),
            remedy,
        ));
    }
    Ok(bounds)
}

/// Why a text has no embedding.
enum Problem {
    NoRow { token_id: u32, rows: usize },
    NotFinite,
}

impl Problem {
    fn of_text(self, text: usize) -> Error {
        match self {
            Problem::NoRow { token_id, rows } => Error::input(
                format!("text {text}: token id {token_id} has no row in a table of {rows}"),
                "use the tokenizer that the table was made with",
            ),
            Problem::NotFinite => Error::input(
                format!("text {text}: its embedding is not finite"),
                "mend the rows of the table that hold NaN, infinity or huge values",
            ),
        }
    }
}

fn pool_text(
    table: &ChunksExact<'_, f32>,
    tokens: &[u32],
    embedding: &mut [f32],
) -> std::result::Result<(), Problem> {
    for &token_id in tokens {
        let row = usize::try_from(token_id)
            .ok()
            .and_then(|row| table.clone().nth(row));
        let Some(row) = row else {
            return Err(Problem::NoRow {
                token_id,
                rows: table.len(),
            });
        };
        for (sum, value) in embedding.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let length = length(embedding);
    if !length.is_finite() {
        return Err(Problem::NotFinite);
    }
    if length > 0.0 {
        for value in embedding {
            *value = (f64::from(*value) / length) as f32;
        }
    }
    Ok(())
}

/// The Euclidean length, in eight partial sums that the compiler keeps in registers.
fn length(values: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for values in values.chunks(8) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    sums.iter().sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pool_all(
        table: &[f32],
        dimension: usize,
        token_ids: &[u32],
        offsets: &[i64],
    ) -> Result<Vec<f32>> {
        let table = Matrix::new(table, table.len() / dimension, dimension)?;
        pool(table, token_ids, offsets, &Interrupt::new())
    }

    #[test]
    fn sums_and_scales_by_hand() {
        let table = [3.0, 0.0, 0.0, 4.0, -3.0, 0.0];
        let pooled = pool_all(&table, 2, &[0, 1, 1, 0, 2], &[0, 2, 3, 3, 5]).unwrap();
        // 3 and 4 make 5; one row alone; no token; rows that cancel.
        assert_eq!(pooled, [0.6, 0.8, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(pool_all(&table, 2, &[], &[0]).unwrap().is_empty());
    }

    #[test]
    fn huge_and_tiny_rows_keep_their_direction() {
        let pooled = pool_all(&[3e38, 0.0, 0.0, 1e-40], 2, &[0, 1], &[0, 1, 2]).unwrap();
        assert_eq!(pooled, [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn bad_input_is_refused_with_the_text() {
        let message = |ids: &[u32], offsets: &[i64]| {
            pool_all(&[1.0, 2.0, f32::NAN, 1.0], 2, ids, offsets)
                .unwrap_err()
                .to_string()
        };
        assert!(message(&[0], &[]).starts_with("no offsets"));
        assert!(message(&[0, 0], &[1, 2]).starts_with("text 0 starts at token 1"));
        assert!(message(&[0, 0], &[0, 2, 1]).starts_with("text 1 spans tokens 2 to 1, of 2"));
        assert!(message(&[0, 0], &[0, 1, 3]).starts_with("text 1 spans tokens 1 to 3, of 2"));
        assert!(message(&[0, 0], &[0, -1, 2]).starts_with("text 0 spans tokens 0 to -1"));
        assert!(message(&[0, 0], &[0, 1]).starts_with("the last text ends at token 1, of 2"));
        assert!(
            message(&[0, 2], &[0, 1, 2])
                .starts_with("text 1: token id 2 has no row in a table of 2")
        );
        assert!(message(&[0, 1], &[0, 1, 2]).starts_with("text 1: its embedding is not finite"));
    }

    #[test]
    fn the_first_bad_text_is_named_and_an_interrupt_ends_the_work() {
        let texts = 3 * TEXTS_PER_PIECE;
        let mut ids = vec![0; texts];
        ids[TEXTS_PER_PIECE + 5] = 9;
        ids[texts - 1] = 8;
        let offsets: Vec<i64> = (0..=texts as i64).collect();
        let message = pool_all(&[1.0, 2.0], 2, &ids, &offsets)
            .unwrap_err()
            .to_string();
        assert!(message.starts_with(&format!("text {}: token id 9", TEXTS_PER_PIECE + 5)));

        let interrupt = Interrupt::new();
        interrupt.request();
        let table = Matrix::new(&[1.0, 2.0], 1, 2).unwrap();
        assert!(matches!(
            pool(table, &ids, &offsets, &interrupt),
            Err(Error::Interrupted)
        ));
    }

    proptest! {
        #[test]
        fn embeddings_have_length_one_and_the_direction_of_the_sum(
            dimension in 1usize..40,
            texts in prop::collection::vec(prop::collection::vec(0u32..20, 0..30), 0..20),
        ) {
            let table: Vec<f32> = (0..20 * dimension).map(|place| ((place * 37) % 101) as f32 - 40.0).collect();
            let ids: Vec<u32> = texts.concat();
            let mut offsets = vec![0];
            offsets.extend(texts.iter().scan(0, |end, text| { *end += text.len() as i64; Some(*end) }));
            let pooled = pool_all(&table, dimension, &ids, &offsets).unwrap();
            for (text, embedding) in texts.iter().zip(pooled.chunks_exact(dimension)) {
                let sum: Vec<f64> = (0..dimension)
                    .map(|column| text.iter().map(|id| f64::from(table[*id as usize * dimension + column])).sum())
                    .collect();
                let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
                for (value, expected) in embedding.iter().zip(sum) {
                    let expected = if length > 0.0 { expected / length } else { 0.0 };
                    prop_assert!((f64::from(*value) - expected).abs() < 1e-6);
                }
            }
        }
    }
}

//! Rows on their way into an index.

use crate::topk::Matrix;
use crate::{Error, Result};

use super::strings::Strings;

/// Some rows with what belongs to them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// One vector per row, float32 or float16.
    pub vectors: Matrix<'a>,
    /// One id per row; `None`: each row is called by its number, counting all rows that were ever added.
    pub ids: Option<&'a Strings>,
    /// The name of each column, and one value per row.
    pub metadata: &'a [(String, Strings)],
}

impl<'a> Batch<'a> {
    /// Checks that everything is there for each row, and gives the values of the columns in the given order.
    pub(super) fn check(&self, dimension: usize, columns: &[&str]) -> Result<Vec<&'a Strings>> {
        let rows = self.vectors.rows();
        if self.vectors.dimension() != dimension {
            return Err(Error::input(
                format!(
                    "vectors of dimension {} for an index of dimension {dimension}",
                    self.vectors.dimension()
                ),
                "encode all with the same model",
            ));
        }
        if let Some(ids) = self.ids
            && ids.len() != rows
        {
            return Err(Error::input(
                format!("{} ids for {rows} vectors", ids.len()),
                "give one id per vector, or none at all",
            ));
        }
        for (name, values) in self.metadata {
            if values.len() != rows {
                return Err(Error::input(
                    format!("{} values of {name} for {rows} vectors", values.len()),
                    "give one value per vector",
                ));
            }
        }
        let values = |name: &&str| {
            let column = self.metadata.iter().find(|(given, _)| given == name);
            column.map(|(_, values)| values)
        };
        let found: Option<Vec<&Strings>> = columns.iter().map(values).collect();
        match found {
            Some(found) if self.metadata.len() == columns.len() => Ok(found),
            _ => {
                let given: Vec<&str> = self
                    .metadata
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect();
                Err(Error::input(
                    format!(
                        "metadata columns {} for an index with {}",
                        listed(&given),
                        listed(columns)
                    ),
                    "give the same columns for all rows",
                ))
            }
        }
    }
}

/// Names for a message.
pub(super) fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

//! The hash table of the compiled form in the making.

use std::collections::{HashMap, HashSet};

use crate::{Error, Result};

use super::format::{BUCKET, HAS_LONGER, NODES, filter_bits, home_bucket};

/// The nodes of the table in the order in which they came: (hash, value).
#[derive(Default)]
pub(super) struct Nodes {
    nodes: Vec<(u64, u32)>,
    by_hash: HashMap<u64, usize>,
    first_tokens: HashSet<u64>,
    pairs: HashSet<u64>,
}

pub(super) struct Table {
    pub(super) buckets: Vec<[u32; 2 * NODES]>,
    pub(super) longest_probe: u32,
}

impl Nodes {
    /// Adds a source, by the hash of each of its prefixes, and where its record is.
    pub(super) fn add(&mut self, prefixes: &[u64], place: u32, source: &str) -> Result<()> {
        let Some((&whole, proper)) = prefixes.split_last() else {
            return Ok(());
        };
        self.first_tokens.extend(proper.first());
        self.pairs.extend(prefixes.get(1));
        for &prefix in proper {
            *self.node(prefix) |= HAS_LONGER;
        }
        let node = self.node(whole);
        if *node & !HAS_LONGER != 0 {
            return Err(Error::input(
                format!("source {source:?} has the hash of another source"),
                "drop one of the two",
            ));
        }
        *node |= place;
        Ok(())
    }

    fn node(&mut self, hash: u64) -> &mut u32 {
        let nodes = &mut self.nodes;
        let index = *self.by_hash.entry(hash).or_insert_with(|| {
            nodes.push((hash, 0));
            nodes.len() - 1
        });
        &mut nodes[index].1
    }

    /// Places the nodes, half of all places being taken. Two nodes that the search could take for
    /// one another, which is rare, are moved apart by a table of another size.
    pub(super) fn table(&self) -> Result<Table> {
        let least = self.nodes.len() / 4 + 1;
        (least..least + 64)
            .find_map(|bucket_count| self.try_table(bucket_count))
            .ok_or_else(|| {
                Error::input(
                    "the sources' hashes can't be told apart",
                    "split the lexicon into two",
                )
            })
    }

    fn try_table(&self, bucket_count: usize) -> Option<Table> {
        let mut buckets = vec![[0u32; 2 * NODES]; bucket_count];
        let mut longest_probe = 1;
        for &(hash, value) in &self.nodes {
            let mut at = home_bucket(hash, bucket_count);
            let mut probes = 1;
            loop {
                let (hashes, values) = buckets.get_mut(at)?.split_at_mut(NODES);
                let free = values.iter().position(|&value| value == 0).unwrap_or(NODES);
                if hashes.get(..free)?.contains(&(hash as u32)) {
                    return None;
                }
                if let (Some(low), Some(place)) = (hashes.get_mut(free), values.get_mut(free)) {
                    *low = hash as u32;
                    *place = value;
                    break;
                }
                at = if at + 1 == bucket_count { 0 } else { at + 1 };
                probes += 1;
            }
            longest_probe = longest_probe.max(probes);
        }
        Some(Table {
            buckets,
            longest_probe,
        })
    }

    /// The filters of first tokens and of pairs.
    pub(super) fn filters(&self) -> [Vec<u8>; 2] {
        [&self.first_tokens, &self.pairs].map(filter_of)
    }
}

/// Eight bits or more for each hash.
fn filter_of(hashes: &HashSet<u64>) -> Vec<u8> {
    if hashes.is_empty() {
        return Vec::new();
    }
    let bits = (8 * hashes.len()).next_power_of_two().max(8 * BUCKET);
    let mut filter = vec![0u64; bits / 64];
    for &hash in hashes {
        let (word, bits) = filter_bits(hash, filter.len());
        if let Some(word) = filter.get_mut(word) {
            *word |= bits;
        }
    }
    filter.into_iter().flat_map(u64::to_le_bytes).collect()
}

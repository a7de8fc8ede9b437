//! From entries to the compiled form.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use crate::{Error, Result};

use super::format::{
    CHECKSUM, FIXED_HEADER, FORMAT_VERSION, HAS_LONGER, MAGIC, RECORD_HEAD, WEIGHTED, checksum_of,
    home_slot,
};
use super::keyed::KeyedTokens;
use super::{Lexicon, MAX_SOURCE_TOKENS};

/// What a lexicon says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// ISO 639-1 code of the sources.
    pub source_language: String,
    /// ISO 639-1 code of the targets.
    pub target_language: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where it comes from.
    pub provenance: String,
    /// Entries that can match no text and were left out: without a letter or digit, or of too many tokens.
    pub left_out: u32,
}

/// Compiles entries, each a source and its targets with their weights.
///
/// Sources that are the same in normal form are one entry with the targets of all. A target given twice
/// for a source counts once, with the greater weight. Targets are sorted by falling weight, else in the order
/// given. The same entries give the same bytes. Sources without a token or of more than
/// [`MAX_SOURCE_TOKENS`] are left out and counted in [`Description::left_out`].
///
/// # Errors
/// `Error::Input` for a source without target, an empty or too long target, one with a control character, or
/// a weight that is not positive and finite.
pub fn compile<'e, T>(
    source_language: &str,
    target_language: &str,
    licence: &str,
    provenance: &str,
    entries: impl IntoIterator<Item = (&'e str, T)>,
) -> Result<Lexicon>
where
    T: IntoIterator<Item = (&'e str, f64)>,
{
    let mut compiler = Compiler::default();
    for (source, targets) in entries {
        compiler.add(source, targets)?;
    }
    let description = Description {
        source_language: source_language.to_owned(),
        target_language: target_language.to_owned(),
        licence: licence.to_owned(),
        provenance: provenance.to_owned(),
        left_out: compiler.left_out,
    };
    Lexicon::from_bytes(compiler.write(&description)?)
}

/// An entry on its way: the hash of each prefix of its source, the whole source last.
struct Draft<'e> {
    source: String,
    prefixes: Vec<u64>,
    targets: Vec<(&'e str, f64)>,
}

#[derive(Default)]
struct Compiler<'e> {
    drafts: Vec<Draft<'e>>,
    by_source: HashMap<String, usize>,
    left_out: u32,
    tokens: KeyedTokens,
}

impl<'e> Compiler<'e> {
    fn add(
        &mut self,
        source: &str,
        targets: impl IntoIterator<Item = (&'e str, f64)>,
    ) -> Result<()> {
        let targets = targets.into_iter().collect::<Vec<_>>();
        check_targets(source, &targets)?;
        self.tokens.read(source)?;
        let spelling = self.tokens.spelling(source).filter(|spelling| {
            (1..=MAX_SOURCE_TOKENS).contains(&self.tokens.len())
                && spelling.len() <= usize::from(u16::MAX)
        });
        let Some(spelling) = spelling else {
            self.left_out += 1;
            return Ok(());
        };
        let index = match self.by_source.entry(spelling) {
            Place::Occupied(place) => *place.get(),
            Place::Vacant(place) => {
                self.drafts.push(Draft {
                    source: place.key().clone(),
                    prefixes: prefix_hashes(source, &self.tokens),
                    targets: Vec::with_capacity(targets.len()),
                });
                *place.insert(self.drafts.len() - 1)
            }
        };
        if let Some(draft) = self.drafts.get_mut(index) {
            merge_targets(&mut draft.targets, targets);
        }
        Ok(())
    }

    fn write(mut self, description: &Description) -> Result<Vec<u8>> {
        let too_large =
            || Error::input("too many entries for one lexicon", "split it into several");
        let mut records = Vec::new();
        let mut nodes = Nodes::default();
        for draft in &mut self.drafts {
            draft
                .targets
                .sort_by(|left, right| right.1.total_cmp(&left.1));
            let place = u32::try_from(records.len() / 4 + 1).map_err(|_| too_large())?;
            if place >= HAS_LONGER {
                return Err(too_large());
            }
            nodes.add(draft, place)?;
            write_record(&mut records, draft)?;
        }
        let table = nodes.table()?;
        let entry_count = u32::try_from(self.drafts.len()).map_err(|_| too_large())?;
        write_file(description, entry_count, &table, &records)
    }
}

fn check_targets(source: &str, targets: &[(&str, f64)]) -> Result<()> {
    let wrong = |what: String| {
        Err(Error::input(
            format!("source {source:?} {what}"),
            "mend or drop the entry",
        ))
    };
    if targets.is_empty() || targets.len() > usize::from(u16::MAX) {
        return wrong(format!("has {} targets", targets.len()));
    }
    for (target, weight) in targets {
        if target.trim().is_empty() {
            return wrong("has an empty target".to_owned());
        }
        if target.len() > usize::from(u16::MAX) {
            return wrong(format!("has a target of {} bytes", target.len()));
        }
        if target.chars().any(char::is_control) {
            return wrong(format!(
                "has the target {target:?} with a control character"
            ));
        }
        if !(weight.is_finite() && *weight > 0.0) {
            return wrong(format!(
                "has the target {target:?} with weight {weight}, not positive and finite"
            ));
        }
    }
    Ok(())
}

fn merge_targets<'e>(merged: &mut Vec<(&'e str, f64)>, targets: Vec<(&'e str, f64)>) {
    for (target, weight) in targets {
        match merged.iter_mut().find(|(known, _)| *known == target) {
            Some((_, known)) => *known = known.max(weight),
            None => merged.push((target, weight)),
        }
    }
}

fn prefix_hashes(source: &str, tokens: &KeyedTokens) -> Vec<u64> {
    let mut hashes: Vec<u64> = tokens.get(0).map(|token| token.hash).into_iter().collect();
    for at in 1..tokens.len() {
        let longer = hashes
            .last()
            .and_then(|&hash| tokens.extend_hash(source, hash, at));
        hashes.extend(longer);
    }
    hashes
}

fn write_record(records: &mut Vec<u8>, draft: &Draft<'_>) -> Result<()> {
    let too_many = |_| {
        Error::input(
            format!("source {:?} has too many targets", draft.source),
            "drop some",
        )
    };
    let weighted = draft.targets.iter().any(|&(_, weight)| weight != 1.0);
    let count = u16::try_from(draft.targets.len()).map_err(too_many)?;
    let start = records.len();
    for head in [
        draft.source.len() as u16,
        if weighted { WEIGHTED } else { 0 },
        count,
        0,
    ] {
        records.extend_from_slice(&head.to_le_bytes());
    }
    debug_assert_eq!(records.len() - start, RECORD_HEAD);
    if weighted {
        for (_, weight) in &draft.targets {
            records.extend_from_slice(&weight.to_le_bytes());
        }
    }
    for (target, _) in &draft.targets {
        records.extend_from_slice(&(target.len() as u16).to_le_bytes());
    }
    records.extend_from_slice(draft.source.as_bytes());
    for (target, _) in &draft.targets {
        records.extend_from_slice(target.as_bytes());
    }
    records.resize(records.len().next_multiple_of(4), 0);
    Ok(())
}

/// The nodes of the table in the order in which they came: (hash, low half of the slot).
#[derive(Default)]
struct Nodes {
    nodes: Vec<(u64, u32)>,
    by_hash: HashMap<u64, usize>,
}

struct Table {
    slots: Vec<u64>,
    longest_probe: u32,
}

impl Nodes {
    fn add(&mut self, draft: &Draft<'_>, place: u32) -> Result<()> {
        let Some((&whole, proper)) = draft.prefixes.split_last() else {
            return Ok(());
        };
        for &prefix in proper {
            *self.node(prefix) |= HAS_LONGER;
        }
        let node = self.node(whole);
        if *node & !HAS_LONGER != 0 {
            return Err(Error::input(
                format!("source {:?} has the hash of another source", draft.source),
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

    /// Places the nodes, two thirds of the slots being taken. Two nodes that the search could take for one
    /// another, which is rare, are moved apart by a table of another size.
    fn table(&self) -> Result<Table> {
        let least = self.nodes.len() as u64 * 3 / 2 + 2;
        (least..least + 64)
            .find_map(|slot_count| self.try_table(slot_count))
            .ok_or_else(|| {
                Error::input(
                    "the sources' hashes can't be told apart",
                    "split the lexicon into two",
                )
            })
    }

    fn try_table(&self, slot_count: u64) -> Option<Table> {
        let mut slots = vec![0u64; usize::try_from(slot_count).ok()?];
        let mut longest_probe = 1;
        for &(hash, value) in &self.nodes {
            let fingerprint = hash & 0xFFFF_FFFF;
            let mut at = home_slot(hash, slot_count) as usize;
            let mut probes = 1;
            loop {
                let slot = slots.get_mut(at)?;
                if *slot == 0 {
                    *slot = fingerprint << 32 | u64::from(value);
                    break;
                }
                if *slot >> 32 == fingerprint {
                    return None;
                }
                at = if at + 1 == slots.len() { 0 } else { at + 1 };
                probes += 1;
            }
            longest_probe = longest_probe.max(probes + 1);
        }
        Some(Table {
            slots,
            longest_probe,
        })
    }
}

fn write_file(
    description: &Description,
    entry_count: u32,
    table: &Table,
    records: &[u8],
) -> Result<Vec<u8>> {
    let Description {
        source_language,
        target_language,
        licence,
        provenance,
        left_out,
    } = description;
    let strings = [source_language, target_language, licence, provenance];
    let strings_length: usize = strings.iter().map(|string| string.len()).sum();
    let slots_start = (FIXED_HEADER + strings_length).next_multiple_of(8);
    let length = slots_start + table.slots.len() * 8 + records.len();
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    file.extend_from_slice(&table.longest_probe.to_le_bytes());
    for number in [
        length as u64,
        0,
        table.slots.len() as u64,
        records.len() as u64,
    ] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(&entry_count.to_le_bytes());
    file.extend_from_slice(&left_out.to_le_bytes());
    for string in strings {
        let length = u32::try_from(string.len())
            .map_err(|_| Error::input("licence or provenance is too long", "shorten it"))?;
        file.extend_from_slice(&length.to_le_bytes());
    }
    for string in strings {
        file.extend_from_slice(string.as_bytes());
    }
    file.resize(slots_start, 0);
    for slot in &table.slots {
        file.extend_from_slice(&slot.to_le_bytes());
    }
    file.extend_from_slice(records);
    let sum = checksum_of(&file).to_le_bytes();
    if let Some(place) = file.get_mut(CHECKSUM) {
        place.copy_from_slice(&sum);
    }
    Ok(file)
}

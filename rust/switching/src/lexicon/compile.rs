//! From entries to the compiled form.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};

use crate::tokenize::tokens;
use crate::{Error, Result};

use super::description::Description;
use super::format::{
    BUCKET, CHECKSUM, FIXED_HEADER, FORM, FORMAT_VERSION, HAS_LONGER, MAGIC, RECORD_HEAD, SHARED,
    SHARING, SPELLED, TAIL, WEIGHTED, checksum_of,
};
use super::keyed::KeyedTokens;
use super::record::{Spelling, thresholds};
use super::table::{Nodes, Table};
use super::{Lexicon, MAX_SOURCE_TOKENS, with_single_spaces};

/// Compiles entries, each a source and its targets with their weights, and word forms, each with the source
/// that it is an inflected form of.
///
/// Sources that are spelled the same, white space aside, are one entry with the targets of all. A target given
/// twice for a source counts once, with the greater weight. Targets are sorted by falling weight, else in the order
/// given. The same entries give the same bytes. Sources without a token or of more than
/// [`MAX_SOURCE_TOKENS`] are left out and counted in [`Description::left_out`].
///
/// A word form is one token. Forms that are sources themselves, or whose base is none, are left out; of two
/// bases of a form the first counts.
///
/// # Errors
/// `Error::Input` for a source without target, an empty or too long target, one with a control character, or
/// a weight that is not positive and finite.
pub fn compile<'e, T>(
    languages: (&str, &str),
    licence: &str,
    provenance: &str,
    entries: impl IntoIterator<Item = (&'e str, T)>,
    forms: impl IntoIterator<Item = (&'e str, &'e str)>,
) -> Result<Lexicon>
where
    T: IntoIterator<Item = (&'e str, f64)>,
{
    let mut compiler = Compiler::default();
    for (source, targets) in entries {
        compiler.add(source, targets)?;
    }
    for (form, base) in forms {
        compiler.add_form(form, base)?;
    }
    let description = Description {
        source_language: languages.0.to_owned(),
        target_language: languages.1.to_owned(),
        licence: licence.to_owned(),
        provenance: provenance.to_owned(),
        left_out: compiler.left_out,
    };
    Lexicon::from_bytes(&compiler.write(&description)?)
}

/// The entries of a normal form on their way: the hash of each prefix of it, the whole last, and the targets of
/// each spelling.
struct Draft<'e> {
    source: String,
    prefixes: Vec<u64>,
    spellings: Vec<(String, Targets<'e>)>,
}

type Targets<'e> = Vec<(&'e str, f64)>;

/// A word form on its way, and the number of its base's draft.
struct Form {
    spelling: String,
    hash: u64,
    base: usize,
}

#[derive(Default)]
struct Compiler<'e> {
    drafts: Vec<Draft<'e>>,
    by_source: HashMap<String, usize>,
    forms: Vec<Form>,
    known_forms: HashSet<u64>,
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
        let spelling = self.tokens.spelling().filter(|spelling| {
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
                    prefixes: prefix_hashes(&self.tokens),
                    spellings: Vec::with_capacity(1),
                });
                *place.insert(self.drafts.len() - 1)
            }
        };
        let own = with_single_spaces(source);
        if own.len() > usize::from(u16::MAX) {
            return Err(Error::input(
                format!("a source of {} bytes", own.len()),
                "drop the entry",
            ));
        }
        let spellings = self.drafts.get_mut(index).map(|draft| &mut draft.spellings);
        let Some(spellings) = spellings else {
            return Ok(());
        };
        match spellings.iter_mut().find(|(known, _)| *known == own) {
            Some((_, known)) => merge_targets(known, targets),
            None => {
                let mut merged = Vec::with_capacity(targets.len());
                merge_targets(&mut merged, targets);
                spellings.push((own, merged));
            }
        }
        Ok(())
    }

    fn add_form(&mut self, form: &str, base: &str) -> Result<()> {
        self.tokens.read(base)?;
        let base = self.tokens.spelling();
        let Some(&base) = base.and_then(|base| self.by_source.get(&base)) else {
            return Ok(());
        };
        self.tokens.read(form)?;
        let (Some(token), 1) = (self.tokens.get(0), self.tokens.len()) else {
            return Ok(());
        };
        let hash = token.hash;
        let spelling = self.tokens.spelling().unwrap_or_default();
        let is_new = !self.by_source.contains_key(&spelling) && self.known_forms.insert(hash);
        if is_new && spelling.len() <= usize::from(u16::MAX) {
            self.forms.push(Form {
                spelling,
                hash,
                base,
            });
        }
        Ok(())
    }

    fn write(self, description: &Description) -> Result<Vec<u8>> {
        let too_large =
            || Error::input("too many entries for one lexicon", "split it into several");
        let mut records = Vec::new();
        let mut nodes = Nodes::default();
        let next_place = |records: &Vec<u8>| match u32::try_from(records.len() / 4 + 1) {
            Ok(place) if place < HAS_LONGER => Ok(place),
            _ => Err(too_large()),
        };
        let mut places = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            let place = next_place(&records)?;
            places.push(place);
            nodes.add(&draft.prefixes, place, &draft.source)?;
            draft.write(&mut records)?;
        }
        for form in &self.forms {
            nodes.add(&[form.hash], next_place(&records)?, &form.spelling)?;
            let base = places.get(form.base).copied().unwrap_or_default();
            write_form(&mut records, &form.spelling, base);
        }
        records.resize(records.len() + TAIL, 0);
        let words = self.drafts.iter().filter(|draft| draft.prefixes.len() == 1);
        let counts = [
            self.drafts.iter().map(|draft| draft.spellings.len()).sum(),
            words.count(),
            self.forms.len(),
            description.left_out as usize,
        ];
        let mut header = Vec::new();
        for count in counts {
            header.push(u32::try_from(count).map_err(|_| too_large())?);
        }
        write_file(
            description,
            &header,
            &nodes.filters(),
            &nodes.table()?,
            &records,
        )
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

fn merge_targets<'e>(merged: &mut Targets<'e>, targets: impl IntoIterator<Item = (&'e str, f64)>) {
    for (target, weight) in targets {
        match merged.iter_mut().find(|(known, _)| *known == target) {
            Some((_, known)) => *known = known.max(weight),
            None => merged.push((target, weight)),
        }
    }
}

fn prefix_hashes(tokens: &KeyedTokens) -> Vec<u64> {
    let mut hashes: Vec<u64> = tokens.get(0).map(|token| token.hash).into_iter().collect();
    for at in 1..tokens.len() {
        let longer = hashes.last().and_then(|&hash| tokens.extend_hash(hash, at));
        hashes.extend(longer);
    }
    hashes
}

impl Draft<'_> {
    /// Writes the entry, or where the text decides which of several it is what they share, then each.
    fn write(&self, records: &mut Vec<u8>) -> Result<()> {
        let spelled = self.spellings.iter().map(|(spelling, targets)| {
            let (before, after) = around_tokens(spelling);
            let text = spelling.as_str();
            (
                Spelling {
                    text,
                    before,
                    after,
                },
                targets,
            )
        });
        let spelled: Vec<_> = spelled.collect();
        let is_shared = match spelled.as_slice() {
            [(one, _)] => (one.before, one.after) != (0, 0),
            _ => true,
        };
        if is_shared {
            let mut all = Vec::new();
            for (_, targets) in &self.spellings {
                merge_targets(&mut all, targets.iter().copied());
            }
            write_record(records, &self.source, SHARED, &all, None)?;
        }
        for (spelling, targets) in spelled {
            let own = Some(spelling).filter(|spelling| spelling.text != self.source);
            let flags = if is_shared { SHARING } else { 0 };
            write_record(records, &self.source, flags, targets, own)?;
        }
        Ok(())
    }
}

/// How many bytes of a source, of less than 64 KiB, come before its first token and after its last.
fn around_tokens(source: &str) -> (u16, u16) {
    let mut found = tokens(source);
    let Some(first) = found.next() else {
        return (0, 0);
    };
    let last = found.last().unwrap_or(first);
    (first.start as u16, (source.len() - last.end) as u16)
}

fn write_record(
    records: &mut Vec<u8>,
    source: &str,
    flags: u16,
    targets: &Targets<'_>,
    spelling: Option<Spelling<'_>>,
) -> Result<()> {
    let too_many = |_| {
        Error::input(
            format!("source {source:?} has too many targets"),
            "drop some",
        )
    };
    let mut targets = targets.clone();
    targets.sort_by(|left, right| right.1.total_cmp(&left.1));
    let weighted = targets.iter().any(|&(_, weight)| weight != 1.0);
    let count = u16::try_from(targets.len()).map_err(too_many)?;
    let weight_flag = if weighted { WEIGHTED } else { 0 };
    let spelling_flag = spelling.map_or(0, |_| SPELLED);
    let start = records.len();
    let flags = flags | weight_flag | spelling_flag;
    for head in [source.len() as u16, flags, count, 0] {
        records.extend_from_slice(&head.to_le_bytes());
    }
    debug_assert_eq!(records.len() - start, RECORD_HEAD);
    for (target, _) in &targets {
        records.extend_from_slice(&(target.len() as u16).to_le_bytes());
    }
    let weights: Vec<f64> = targets.iter().map(|&(_, weight)| weight).collect();
    for threshold in thresholds(&weights) {
        records.extend_from_slice(&threshold.to_le_bytes());
    }
    records.extend_from_slice(source.as_bytes());
    for (target, _) in &targets {
        records.extend_from_slice(target.as_bytes());
    }
    if weighted {
        for weight in weights {
            records.extend_from_slice(&weight.to_le_bytes());
        }
    }
    if let Some(Spelling {
        text,
        before,
        after,
    }) = spelling
    {
        for length in [text.len() as u16, before, after] {
            records.extend_from_slice(&length.to_le_bytes());
        }
        records.extend_from_slice(text.as_bytes());
    }
    records.resize(records.len().next_multiple_of(4), 0);
    Ok(())
}

fn write_form(records: &mut Vec<u8>, form: &str, base: u32) {
    for head in [form.len() as u16, FORM, 0, 0] {
        records.extend_from_slice(&head.to_le_bytes());
    }
    records.extend_from_slice(&base.to_le_bytes());
    records.extend_from_slice(form.as_bytes());
    records.resize(records.len().next_multiple_of(4), 0);
}

/// `counts` are those of entries, of entries of one token, of word forms and of entries left out.
fn write_file(
    description: &Description,
    counts: &[u32],
    filters: &[Vec<u8>; 2],
    table: &Table,
    records: &[u8],
) -> Result<Vec<u8>> {
    let Description {
        source_language,
        target_language,
        licence,
        provenance,
        left_out: _,
    } = description;
    let strings = [source_language, target_language, licence, provenance];
    let strings_length: usize = strings.iter().map(|string| string.len()).sum();
    let filter_start = (FIXED_HEADER + strings_length).next_multiple_of(BUCKET);
    let filters_length: usize = filters.iter().map(Vec::len).sum();
    let length = filter_start + filters_length + table.buckets.len() * BUCKET + records.len();
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    file.extend_from_slice(&table.longest_probe.to_le_bytes());
    let [first_bits, pair_bits] = filters.each_ref().map(|filter| 8 * filter.len());
    let sizes = [
        length,
        0,
        table.buckets.len(),
        records.len(),
        first_bits,
        pair_bits,
    ];
    for number in sizes {
        file.extend_from_slice(&(number as u64).to_le_bytes());
    }
    for count in counts {
        file.extend_from_slice(&count.to_le_bytes());
    }
    for string in strings {
        let length = u32::try_from(string.len())
            .map_err(|_| Error::input("licence or provenance is too long", "shorten it"))?;
        file.extend_from_slice(&length.to_le_bytes());
    }
    debug_assert_eq!(file.len(), FIXED_HEADER);
    for string in strings {
        file.extend_from_slice(string.as_bytes());
    }
    file.resize(filter_start, 0);
    for filter in filters {
        file.extend_from_slice(filter);
    }
    for word in table.buckets.as_flattened() {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(records);
    let sum = checksum_of(&file).to_le_bytes();
    if let Some(place) = file.get_mut(CHECKSUM) {
        place.copy_from_slice(&sum);
    }
    Ok(file)
}

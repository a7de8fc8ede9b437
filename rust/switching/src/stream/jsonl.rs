//! Records as JSON, an object a line; what is not switched is not even rewritten.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::plan::Plan;
use super::texts::{BlockTexts, StringRange, lines};
use super::{RecordIds, bad_line};
use crate::{Error, Result, language};

/// How many bytes are looked at together for something to escape.
const CHUNK: usize = 16;

/// Appends a JSON string, quotes included, with the escapes that must be and no others.
pub(super) fn push_string(text: &str, output: &mut Vec<u8>) {
    output.reserve(text.len() + text.len() / 16 + 2);
    output.push(b'"');
    for chunk in text.as_bytes().chunks(CHUNK) {
        // Without a branch for each byte, so that the bytes are compared together.
        if chunk
            .iter()
            .fold(false, |found, &byte| found | is_escaped(byte))
        {
            for run in chunk.split_inclusive(|&byte| is_escaped(byte)) {
                match run.split_last() {
                    Some((&last, before)) if is_escaped(last) => {
                        output.extend_from_slice(before);
                        push_escaped(last, output);
                    }
                    _ => output.extend_from_slice(run),
                }
            }
        } else {
            output.extend_from_slice(chunk);
        }
    }
    output.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn push_escaped(byte: u8, output: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => return output.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    };
    output.extend_from_slice(&[b'\\', short]);
}

/// Finds the texts of a block's lines.
pub(super) fn find(
    plan: &Plan<'_>,
    block: &str,
    first_line: u64,
    texts: &mut BlockTexts,
) -> Result<()> {
    let mut members = Members::default();
    for (number, start, line) in lines(block, first_line) {
        if line.bytes().all(|byte| byte.is_ascii_whitespace()) {
            continue;
        }
        members.clear();
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = Wanted {
            plan,
            members: &mut members,
        }
        .deserialize(&mut deserializer);
        read.and_then(|()| deserializer.end())
            .map_err(|error| not_json(number, &error))?;
        Record {
            plan,
            line,
            start,
            number,
        }
        .take(&members, texts)?;
    }
    Ok(())
}

/// The members of an object that matter, as they are written.
#[derive(Default)]
struct Members<'l> {
    /// The id, and which of its names it has.
    record_id: Option<(usize, &'l str)>,
    language: Option<&'l str>,
    /// Numbers of the plan's fields and their values, in the order in which they come.
    texts: Vec<(usize, &'l str)>,
}

impl Members<'_> {
    fn clear(&mut self) {
        self.record_id = None;
        self.language = None;
        self.texts.clear();
    }
}

/// Reads an object's members that matter.
struct Wanted<'m, 'p, 'l> {
    plan: &'m Plan<'p>,
    members: &'m mut Members<'l>,
}

impl<'l> DeserializeSeed<'l> for Wanted<'_, '_, 'l> {
    type Value = ();

    fn deserialize<D: Deserializer<'l>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'l> Visitor<'l> for Wanted<'_, '_, 'l> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let names = &self.plan.id_names;
            if let Some(rank) = names.iter().position(|name| *name == key) {
                let value: &RawValue = map.next_value()?;
                match self.members.record_id {
                    _ if value.get() == "null" => {}
                    Some((known, _)) if known == rank => return Err(twice(&key)),
                    Some((known, _)) if known < rank => {}
                    _ => self.members.record_id = Some((rank, value.get())),
                }
            } else if let Some(field) = self.plan.fields.iter().position(|name| *name == key) {
                let value: &RawValue = map.next_value()?;
                if self.members.texts.iter().any(|(known, _)| *known == field) {
                    return Err(twice(&key));
                }
                self.members.texts.push((field, value.get()));
            } else if key == "language" {
                let value: &RawValue = map.next_value()?;
                if self.members.language.replace(value.get()).is_some() {
                    return Err(twice(&key));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn twice<E: serde::de::Error>(key: &str) -> E {
    E::custom(format!("the key {key:?} comes twice"))
}

/// Reads a key, borrowed where it holds no escape.
struct Key;

impl<'l> DeserializeSeed<'l> for Key {
    type Value = Cow<'l, str>;

    fn deserialize<D: Deserializer<'l>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'l> Visitor<'l> for Key {
    type Value = Cow<'l, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, key: &'l str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// A line that is a JSON object.
struct Record<'r, 'p> {
    plan: &'r Plan<'p>,
    line: &'r str,
    /// Where the line starts in its block.
    start: usize,
    number: u64,
}

impl Record<'_, '_> {
    fn take(&self, members: &Members<'_>, texts: &mut BlockTexts) -> Result<()> {
        self.check_language(members.language)?;
        let record_id = self.record_id(members.record_id, texts)?;
        let given = members.texts.iter().filter(|(_, value)| *value != "null");
        let mut any = false;
        for &(field, value) in given {
            if !value.starts_with('"') {
                let name = self.plan.fields.get(field).map_or("", String::as_str);
                return Err(bad_line(
                    self.number,
                    format!("{name:?} is not a string"),
                    "name the text's field with --field",
                ));
            }
            let start = self.offset(value);
            let text = self.unquoted(value, texts)?;
            texts.add(text, record_id, field, (start, start + value.len()));
            any = true;
        }
        if !any {
            return Err(bad_line(
                self.number,
                format!("none of the fields {}", self.plan.fields.join(", ")),
                "name the text's field with --field",
            ));
        }
        texts.end_record(record_id);
        Ok(())
    }

    /// Where a piece of the line starts in the block.
    fn offset(&self, value: &str) -> usize {
        self.start + (value.as_ptr() as usize - self.line.as_ptr() as usize)
    }

    /// The text of a JSON string.
    fn unquoted(&self, value: &str, texts: &mut BlockTexts) -> Result<StringRange> {
        if memchr::memchr(b'\\', value.as_bytes()).is_none() {
            let start = self.offset(value);
            return Ok(StringRange::of_block(start + 1, start + value.len() - 1));
        }
        let text = texts.build(|built| {
            serde_json::Deserializer::from_str(value).deserialize_str(PushTo(built))
        });
        text.map_err(|_| {
            bad_line(
                self.number,
                "an escape stands for half a surrogate pair, which is no character",
                "write the text as UTF-8, or both halves of the pair",
            )
        })
    }

    fn record_id(
        &self,
        member: Option<(usize, &str)>,
        texts: &mut BlockTexts,
    ) -> Result<StringRange> {
        if self.plan.record_ids == RecordIds::LineNumbers {
            let number = self.number.to_string();
            return texts.build(|built| {
                built.push_str(&number);
                Ok(())
            });
        }
        let names = || self.plan.id_names.iter().map(|name| format!("{name:?}"));
        let Some((rank, value)) = member else {
            let names = names().collect::<Vec<_>>().join(", ");
            return Err(bad_line(
                self.number,
                format!("no {names}"),
                "give every record one, or number the records with --no-id",
            ));
        };
        let integer = value.strip_prefix('-').unwrap_or(value);
        if integer.bytes().all(|byte| byte.is_ascii_digit()) {
            let start = self.offset(value);
            return Ok(StringRange::of_block(start, start + value.len()));
        }
        if value.starts_with('"') && value != "\"\"" {
            return self.unquoted(value, texts);
        }
        let name = names().nth(rank).unwrap_or_default();
        Err(bad_line(
            self.number,
            format!("{name} is {value}"),
            "an id is a string or an integer",
        ))
    }

    fn check_language(&self, language: Option<&str>) -> Result<()> {
        let source = &self.plan.source_language;
        let own = |value: &str| {
            value
                .strip_prefix('"')?
                .strip_suffix('"')
                .map(|value| language::is_same(value, source))
        };
        match language.filter(|value| *value != "null") {
            Some(value) if own(value) != Some(true) => Err(bad_line(
                self.number,
                format!("is in {value}, the lexicons start from \"{source}\""),
                "give lexicons of that language",
            )),
            _ => Ok(()),
        }
    }
}

/// Appends a JSON string's text.
struct PushTo<'m>(&'m mut String);

impl Visitor<'_> for PushTo<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}

fn not_json(line: u64, error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    let message = match error.classify() {
        Category::Data if message.starts_with("invalid type") => "not a JSON object".to_owned(),
        Category::Data => message.to_owned(),
        _ => format!("not JSON: {message} (column {})", error.column()),
    };
    bad_line(line, message, "one JSON object per line")
}

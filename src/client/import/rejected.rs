//! The file of rejected contacts: their rows as they were, each with its number and the reasons. Mended, it can be imported.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use anyhow::Context;
use csv::{Writer, WriterBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tempfile::NamedTempFile;

use super::{columns::REJECTION_COLUMNS, contact::ContactReader, contacts::Contacts, source::Row};
use crate::{client::json::REJECTION_MEMBERS, proto::Violation};

/// With it, spreadsheets open a file as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The rejected contacts, in the order of the file, in a temporary file.
pub struct Rejections {
    file: BufWriter<File>,
    /// Where their rows are to be written.
    path: PathBuf,
    /// How many there are.
    pub count: u64,
}

/// A rejected contact.
#[derive(Serialize, Deserialize)]
struct Rejected {
    /// Its index in the file.
    index: u64,
    /// What is wrong: the paths of fields, each with a message.
    violations: Vec<(String, String)>,
}

impl Rejections {
    /// None yet. Fails if the rows could not be written to `path`.
    pub fn new(path: PathBuf) -> anyhow::Result<Self> {
        let file = tempfile::tempfile().context("cannot make a temporary file")?;
        let can_write = match path.is_dir() {
            true => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            false => NamedTempFile::new_in(folder_of(&path)).map(drop),
        };
        can_write.with_context(|| {
            format!(
                "rejected rows could not be written to {}: say --rejected PATH",
                path.display()
            )
        })?;
        Ok(Self {
            file: BufWriter::new(file),
            path,
            count: 0,
        })
    }

    /// Adds the contact with this index in the file, which comes after those that were added before.
    pub fn add(&mut self, index: u64, violations: Vec<Violation>) -> io::Result<()> {
        let violations = violations.into_iter().map(|it| (it.field, it.message));
        let rejected = Rejected {
            index,
            violations: violations.collect(),
        };
        serde_json::to_writer(&mut self.file, &rejected)?;
        self.file.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }

    /// Writes the rows of the rejected contacts. Never to a file that exists: somebody may be mending it. Returns where they
    /// are; `None` if there are none.
    pub fn write(self, contacts: &Contacts) -> anyhow::Result<Option<PathBuf>> {
        if self.count == 0 {
            return Ok(None);
        }
        let path = self.path.clone();
        let written = self.write_rows(contacts).and_then(|file| keep(file, &path));
        let written = written
            .with_context(|| format!("cannot write the rejected rows to {}", path.display()));
        written.map(Some)
    }

    fn write_rows(self, contacts: &Contacts) -> anyhow::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(folder_of(&self.path))?;
        let mut rejected = self.file.into_inner()?;
        rejected.rewind()?;
        let mut output = Output::begin(contacts, BufWriter::new(file.as_file_mut()))?;
        let mut rows = contacts.rows()?;
        for line in BufReader::new(rejected).lines() {
            let rejected: Rejected = serde_json::from_str(&line?)?;
            rows.skip_to(rejected.index)?;
            if let Some(row) = rows.read()? {
                let reasons = reasons(contacts, row, &rejected)?;
                output.write(&contacts.reader, row, &reasons)?;
            }
        }
        output.end()?;
        Ok(file)
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Gives a file the first path of `path`, `path` with ".2", … before its ending, that no file has.
fn keep(mut file: NamedTempFile, path: &Path) -> anyhow::Result<PathBuf> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    loop {
        let free = match number {
            1 => path.to_owned(),
            number => path.with_extension(format!("{number}.{ending}")),
        };
        match file.persist_noclobber(&free) {
            Ok(_) => return Ok(free),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error.into()),
        }
        number += 1;
    }
}

/// All that is wrong with a row, in words.
fn reasons(contacts: &Contacts, row: &Row, rejected: &Rejected) -> anyhow::Result<String> {
    let mut reasons = contacts.reader.read(row)?.problems;
    let is_marked = !reasons.is_empty();
    for (field, message) in &rejected.violations {
        // A row that could not be read completely was sent with a birth date that is none, or naming nobody.
        let is_mark = is_marked && ["birth_date", "reference"].contains(&field.as_str());
        // What the client says about a field is closer to the file.
        let name = contacts.reader.name_of(field);
        let is_said = reasons
            .iter()
            .any(|reason| reason.starts_with(&format!("{name} ")));
        if !is_mark && !is_said {
            reasons.push(format!("{name} {message}"));
        }
    }
    Ok(reasons.join("; "))
}

/// Where rejected rows are written.
enum Output<'a> {
    /// A table, with two columns in front of those with these indexes and of what a row has behind them.
    Table(Box<Writer<BufWriter<&'a mut File>>>, Range<usize>),
    /// JSONL, with two members in front.
    Lines(BufWriter<&'a mut File>),
}

impl<'a> Output<'a> {
    fn begin(contacts: &Contacts, mut file: BufWriter<&'a mut File>) -> anyhow::Result<Self> {
        let Some(columns) = &contacts.reader.columns else {
            return Ok(Self::Lines(file));
        };
        file.write_all(BYTE_ORDER_MARK.as_bytes())?;
        let separator = contacts.source.separator();
        let mut writer = WriterBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_writer(file);
        let header = columns.recognizable_header();
        let names = header[columns.own()].iter().map(String::as_str);
        writer.write_record(REJECTION_COLUMNS.into_iter().chain(names))?;
        Ok(Self::Table(Box::new(writer), columns.own()))
    }

    fn write(&mut self, reader: &ContactReader, row: &Row, reasons: &str) -> anyhow::Result<()> {
        match self {
            Self::Table(writer, own) => {
                writer.write_field(row.number.to_string())?;
                writer.write_field(reasons)?;
                for index in own.clone() {
                    writer.write_field(reader.certain_cell(row, index).as_bytes())?;
                }
                writer.write_record(row.cells.iter().skip(own.end))?;
            }
            Self::Lines(file) => {
                let Ok(Json::Object(own)) = serde_json::from_str(&row.line) else {
                    return Ok(());
                };
                let mut object = Map::new();
                object.insert("row".to_owned(), row.number.into());
                object.insert("rejected_because".to_owned(), reasons.into());
                object.extend(
                    own.into_iter()
                        .filter(|(key, _)| !REJECTION_MEMBERS.contains(&key.as_str())),
                );
                serde_json::to_writer(&mut *file, &object)?;
                file.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Table(mut writer, _) => writer.flush(),
            Self::Lines(mut file) => file.flush(),
        }
    }
}

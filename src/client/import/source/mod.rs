//! The rows of a file, whatever its format.

mod cells;
mod decoded;
mod encoding;
mod quotes;
mod separator;
mod sheet;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use csv::StringRecord;
use encoding_rs::Encoding;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use self::{cells::CellRows, decoded::Decoded, encoding::Evidence, sheet::Sheet};
use super::settings::FileSettings;

/// How many bytes are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Values separated by commas, semicolons or the like
    Csv,
    /// Values separated by tabs
    Tsv,
    /// A contact per line, as JSON
    Jsonl,
    /// A workbook of Excel or another spreadsheet
    Xlsx,
}

/// A row of a file.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its number, as a spreadsheet shows it; in JSONL its line's.
    pub number: u64,
    /// The cells of a table.
    pub cells: StringRecord,
    /// The indexes of the cells that are numbers in a workbook, which have no separators that could be misread.
    pub numbers: Vec<usize>,
    /// The line of a JSONL file.
    pub line: String,
}

/// A file that has been looked at.
pub struct Source {
    /// What to call it.
    pub name: String,
    /// How it is read.
    pub format: Format,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    path: PathBuf,
    text: TextForm,
    sheet: Option<Arc<Sheet>>,
    /// What came from standard input, until the end.
    _copy: Option<NamedTempFile>,
}

/// How a text file is read.
#[derive(Debug, Clone, Copy)]
pub struct TextForm {
    encoding: &'static Encoding,
    separator: u8,
    /// The file begins with a line such as "sep=;", which is not a row.
    has_separator_line: bool,
}

impl Source {
    /// Opens a file, and finds out how it is read.
    pub fn open(settings: &FileSettings) -> anyhow::Result<Self> {
        let copy = settings.is_stdin().then(copy_of_stdin).transpose()?;
        let path = copy
            .as_ref()
            .map_or(settings.file.as_path(), NamedTempFile::path)
            .to_owned();
        let name = settings.name();
        let (sha256, evidence) = examine(&path).with_context(|| format!("cannot read {name}"))?;
        let format = settings.format()?;
        check_kind(&evidence.start, format).with_context(|| name.clone())?;
        let mut source = Self {
            format,
            sha256,
            path,
            text: TextForm {
                encoding: evidence.encoding(settings.encoding()?)?,
                separator: b',',
                has_separator_line: false,
            },
            sheet: None,
            name,
            _copy: copy,
        };
        match format {
            Format::Xlsx => {
                let sheet = Sheet::open(&source.path, settings.sheet.as_deref());
                let sheet = sheet.with_context(|| source.name.clone())?;
                source.sheet = Some(Arc::new(sheet));
            }
            Format::Tsv => source.text.separator = b'\t',
            Format::Csv => {
                let sample = source.text.encoding.decode(&evidence.start).0;
                let found = separator::find(&sample, evidence.is_complete());
                source.text.separator = settings.separator.unwrap_or(found.separator);
                source.text.has_separator_line = found.has_line;
            }
            Format::Jsonl => {}
        }
        Ok(source)
    }

    /// How it is read, in words.
    pub fn description(&self) -> String {
        let separator = match self.text.separator {
            b',' => "commas".to_owned(),
            b';' => "semicolons".to_owned(),
            b'\t' => "tabs".to_owned(),
            other => format!("{:?}", char::from(other)),
        };
        let encoding = self.text.encoding.name();
        match (&self.sheet, self.format) {
            (Some(sheet), _) => format!("the sheet {:?} of {}", sheet.name, sheet.count),
            (None, Format::Jsonl) => encoding.to_owned(),
            (None, _) => format!("{encoding}, separated by {separator}"),
        }
    }

    /// What separates the cells of a table.
    pub fn separator(&self) -> u8 {
        match self.format {
            Format::Csv | Format::Tsv => self.text.separator,
            Format::Jsonl | Format::Xlsx => b',',
        }
    }

    /// Whether a column of a workbook has numbers, which lose a leading + or 0.
    pub fn has_numbers(&self, index: usize) -> bool {
        self.sheet
            .as_ref()
            .is_some_and(|sheet| sheet.has_numbers(index))
    }

    /// The rows from the first one on, once they were checked.
    pub fn rows(&self) -> anyhow::Result<Rows> {
        self.open_rows(false)
    }

    /// The rows from the first one on. A quote that is where none should be is an error.
    pub fn checked_rows(&self) -> anyhow::Result<Rows> {
        self.open_rows(true)
    }

    fn open_rows(&self, checks_quotes: bool) -> anyhow::Result<Rows> {
        if let Some(sheet) = &self.sheet {
            return Ok(Rows::Sheet(Arc::clone(sheet), 0));
        }
        let file = File::open(&self.path).with_context(|| format!("cannot read {}", self.name))?;
        if self.format == Format::Jsonl {
            let text = Decoded::new(file, self.text.encoding, false);
            return Ok(Rows::Lines(BufReader::with_capacity(CHUNK_BYTES, text), 0));
        }
        let text = Decoded::new(file, self.text.encoding, true);
        let rows = CellRows::new(text, self.text, checks_quotes)?;
        Ok(Rows::Cells(Box::new(rows)))
    }
}

/// Reads the rows of a file one after another.
pub enum Rows {
    /// Of a text with separated values.
    Cells(Box<CellRows>),
    /// Of a workbook, and the index of the next one.
    Sheet(Arc<Sheet>, usize),
    /// Of a JSONL file, and how many lines were read.
    Lines(BufReader<Decoded<File>>, u64),
}

impl Rows {
    /// The number of the last row of a table, if it has no line end while the others have one. For after the last row.
    pub fn unended_row(&self) -> Option<u64> {
        match self {
            Self::Cells(rows) => rows.unended_row(),
            Self::Sheet(..) | Self::Lines(..) => None,
        }
    }

    /// Reads the next row that is not empty. Returns false after the last one.
    pub fn read(&mut self, row: &mut Row) -> anyhow::Result<bool> {
        match self {
            Self::Cells(rows) => rows.read(row),
            Self::Sheet(sheet, next) => Ok(sheet.read(next, row)),
            Self::Lines(lines, number) => loop {
                row.line.clear();
                let count = lines.read_line(&mut row.line);
                if count.with_context(|| format!("after line {number}"))? == 0 {
                    return Ok(false);
                }
                *number += 1;
                row.number = *number;
                let end = row.line.trim_end().len();
                row.line.truncate(end);
                if !row.line.is_empty() {
                    return Ok(true);
                }
            },
        }
    }
}

/// Copies standard input to a temporary file, as it is read more than once.
fn copy_of_stdin() -> anyhow::Result<NamedTempFile> {
    let mut copy = NamedTempFile::new().context("cannot make a temporary file")?;
    io::copy(&mut io::stdin().lock(), &mut copy).context("cannot read standard input")?;
    Ok(copy)
}

/// Reads a file once: for its SHA-256, and for what shows its encoding.
fn examine(path: &Path) -> anyhow::Result<(String, Evidence)> {
    let mut file = File::open(path)?;
    ensure!(!file.metadata()?.is_dir(), "it is a folder");
    let (mut hash, mut evidence) = (Sha256::new(), Evidence::default());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((hex::encode(hash.finalize()), evidence));
        }
        hash.update(&chunk[..count]);
        evidence.add(&chunk[..count]);
    }
}

/// Fails if the start of a file is that of another kind of file.
fn check_kind(start: &[u8], format: Format) -> anyhow::Result<()> {
    if start.starts_with(b"\xD0\xCF\x11\xE0") {
        bail!("it is an old .xls workbook: save it as .xlsx, and import that");
    }
    if start.starts_with(b"PK\x03\x04") && format != Format::Xlsx {
        bail!(
            "it is a workbook or another archive, and not text: if it is an .xlsx, say --format xlsx"
        );
    }
    Ok(())
}

/// The format that a file's name ends with.
pub fn format_of(path: &Path) -> anyhow::Result<Format> {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    match ending.as_str() {
        "csv" | "txt" => Ok(Format::Csv),
        "tsv" | "tab" => Ok(Format::Tsv),
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        "xlsx" | "xlsm" => Ok(Format::Xlsx),
        "xls" | "xlsb" | "ods" | "numbers" => bail!(
            "{}: save it as .xlsx or .csv in the program that it is of, and import that",
            path.display()
        ),
        _ => bail!(
            "{}: what is its format? Say --format csv, tsv, jsonl or xlsx",
            path.display()
        ),
    }
}

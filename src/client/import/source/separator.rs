//! What separates the cells of a text.

use csv::{ReaderBuilder, StringRecord};

/// What can separate cells.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// How many rows are looked at.
const SAMPLE_ROWS: usize = 20;

/// What the start of a text shows.
pub struct Found {
    /// The separator; a comma if there is none.
    pub separator: u8,
    /// Whether the first line only names the separator ("sep=;"), as some spreadsheets write it.
    pub has_line: bool,
}

/// Finds the separator: the one by which most of the first rows have the same number of cells.
pub fn find(sample: &str, is_complete: bool) -> Found {
    if let Some(separator) = named(sample) {
        return Found {
            separator,
            has_line: true,
        };
    }
    // The last line of a sample may be a part of one.
    let end = sample
        .rfind('\n')
        .filter(|_| !is_complete)
        .unwrap_or(sample.len());
    let best = SEPARATORS
        .into_iter()
        .rev()
        .max_by_key(|separator| score(&sample[..end], *separator));
    Found {
        separator: best.unwrap_or(b','),
        has_line: false,
    }
}

fn named(sample: &str) -> Option<u8> {
    let line = sample
        .lines()
        .next()?
        .trim_start_matches('\u{feff}')
        .trim_matches('"');
    match line.strip_prefix("sep=")?.as_bytes() {
        [separator] => Some(*separator),
        _ => None,
    }
}

/// How many rows have the same number of cells, above one, and how many that is.
fn score(sample: &str, separator: u8) -> (usize, usize) {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(sample.as_bytes());
    let rows = reader.records().map_while(Result::ok).take(SAMPLE_ROWS);
    let counts: Vec<usize> = rows.map(|row: StringRecord| row.len()).collect();
    let same = |count: usize| counts.iter().filter(|other| **other == count).count();
    let counts_above_one = counts.iter().filter(|count| **count > 1);
    counts_above_one
        .map(|count| (same(*count), *count))
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_found() {
        let separator = |text| char::from(find(text, true).separator);
        assert_eq!(separator("phone,name\n+49,\"a;b\"\n"), ',');
        assert_eq!(
            separator("Telefon;Name;Betrag\n+49;Ada;1,5\n+49;Bob;2,5\n"),
            ';'
        );
        assert_eq!(separator("phone\tname\n+49\tDoe, Jane\n"), '\t');
        assert_eq!(separator("phone|name\n+49|Ada\n"), '|');
        assert_eq!(separator("phone\n+4915123456789\n"), ',');
        assert_eq!(separator("sep=;\nphone;name\n"), ';');
        assert_eq!(separator(""), ',');
    }
}

//! How long files and functions are.

use std::path::Path;

use super::leading_name;

/// The most lines of a file.
pub const MAX_FILE_LINES: usize = 400;

/// The most lines of a function.
const MAX_FUNCTION_LINES: usize = 60;

pub fn length_problems(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let lines: Vec<&str> = text.lines().collect();
    let mut problems = Vec::new();
    if lines.len() > MAX_FILE_LINES {
        problems.push(format!("{shown}: {} lines", lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        // rustfmt puts a function's closing brace under its first letter.
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| **line == end);
        let length = length.map_or(1, |length| length + 1);
        if length > MAX_FUNCTION_LINES {
            problems.push(format!("{shown}: {name} has {length} lines"));
        }
    }
    problems
}

fn function_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let is_one_line = line.ends_with('}') || line.ends_with(';');
    let (before, name) = line.split_once("fn ")?;
    let is_signature = before.split_whitespace().all(|word| {
        word.starts_with("pub")
            || ["async", "const", "unsafe", "in"].contains(&word)
            || word.ends_with(')')
    });
    (is_signature && !is_one_line)
        .then(|| leading_name(name))
        .flatten()
}

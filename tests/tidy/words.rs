//! The words of the project.

use std::path::Path;

use super::{is_name_letter, without_literals};

/// Identifiers for which the field has a better word.
const OLD_NAMES: [(&str, &str); 24] = [
    ("Said", "ChangeOrigin"),
    ("Place", "CallPermit"),
    ("Taker", "Receiver"),
    ("WholeBody", "CompleteBody"),
    ("Bounded", "WithTimeout"),
    ("Queues", "WriteQueue"),
    ("Named", "RejectedKeys"),
    ("plan_anew", "discard_plans"),
    ("grew_by", "note_added_rows"),
    ("has_outgrown", "is_stale"),
    ("take_over", "inherit_opt_outs"),
    ("failure", "error"),
    ("Failure", "Error"),
    ("Office", "a harness"),
    ("World", "an id map"),
    ("Side", "a replica"),
    ("Twist", "a mutation"),
    ("Bait", "a trigger"),
    ("Ground", "a database"),
    ("Works", "scenarios"),
    ("twin", "a copy"),
    ("Twin", "a copy"),
    ("anew", "again"),
    ("amid", "inside"),
];

/// Phrases in comments and pages that read as translated.
const OLD_PHRASES: [(&str, &str); 15] = [
    ("/// Answers ", "Returns"),
    ("//! Answers ", "Returns"),
    (". Answers ", "Returns"),
    ("who stays", "contacts that stay"),
    ("who leaves", "contacts that leave"),
    ("nobody's", "unassigned"),
    ("put out", "removed"),
    ("puts out", "removes"),
    ("as it travels", "on the wire"),
    ("as they travel", "on the wire"),
    (" anew", "again"),
    (" amid ", "inside"),
    (" twin", "a copy"),
    ("in their order", "in order"),
    ("Whoever", "a caller that"),
];

pub fn word_problems(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display();
    let is_code = path.extension().is_some_and(|ending| ending == "rs");
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_comment = !is_code || line.trim_start().starts_with("//");
        if is_comment {
            for (phrase, better) in OLD_PHRASES {
                if line.contains(phrase) {
                    problems.push(format!("{shown}:{number}: {phrase:?}: say {better}"));
                }
            }
        } else {
            for (name, better) in OLD_NAMES {
                if has_name(line, name) {
                    problems.push(format!("{shown}:{number}: {name}: say {better}"));
                }
            }
        }
    }
    problems
}

/// Whether a line of code has `name` as a whole identifier, outside of string literals.
fn has_name(line: &str, name: &str) -> bool {
    let code = without_literals(line);
    code.match_indices(name).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + name.len()..].chars().next();
        [before, after]
            .into_iter()
            .flatten()
            .all(|letter| !is_name_letter(letter))
    })
}

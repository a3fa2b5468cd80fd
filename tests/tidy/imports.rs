//! Which module of `src/` imports which.

use std::{collections::BTreeSet, path::Path};

use super::{is_name_letter, leading_name, without_literals};

/// The modules of `src/` from the top to the bottom. A module imports only from those on later lines, and from itself;
/// modules on one line are side by side.
const LAYERS: [&[&str]; 14] = [
    &["main"],
    &["cli", "fuzzing"],
    &["server", "client"],
    &["jobs"],
    &["settings"],
    &["rpc"],
    &["app", "auth"],
    &["repository"],
    &["spool", "telemetry", "memory_budget"],
    &["keyed_semaphore"],
    &["long_work"],
    &["error"],
    &["domain"],
    &["lib"],
];

/// Names that only some modules may use: those of the transport and the wire at the edge, those of the database in storage.
const KNOWN_BY: [(&[&str], &[&str]); 7] = [
    (
        &["tonic", "tonic_types", "tonic_health", "tonic_reflection"],
        &["client", "server", "rpc", "error", "jobs"],
    ),
    (&["axum", "h2"], &["server", "rpc", "fuzzing"]),
    (
        &["prost", "prost_types"],
        &["client", "server", "rpc", "fuzzing"],
    ),
    (
        &["hyper", "hyper_util", "prost_reflect", "tonic_web"],
        &["server"],
    ),
    (&["sea_orm", "sea_orm_migration", "sqlx"], &["repository"]),
    (
        &[
            "prometheus_client",
            "opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry_otlp",
        ],
        &["telemetry"],
    ),
    (
        &["crate::proto", "crate::generated"],
        &["client", "server", "rpc", "error", "fuzzing"],
    ),
];

/// The one exception: the reasons of violations are the contract's own list.
const WIRE_REASONS: &str = "src/domain/violation.rs";

/// The imports of a file of `src/` that run against the layers, and the foreign names that its module must not know.
pub fn import_problems(path: &Path, text: &str) -> Vec<String> {
    let module = module_of(path);
    let place = place_of(&module);
    let shown = path.display();
    let mut problems = Vec::new();
    if module == "lib" || module == "main" {
        return problems;
    }
    let imported_modules = imported_modules(path, text);
    for imported in &imported_modules {
        let Some(other) = LAYERS
            .iter()
            .position(|layer| layer.contains(&imported.as_str()))
        else {
            continue;
        };
        if *imported != module && other <= place {
            problems.push(format!("{shown}: {module} imports {imported}"));
        }
    }
    let mut code = code_of(text).replace("crate::{", "crate::\u{1}");
    if imported_modules.contains("proto") {
        code.push_str("crate::proto::");
    }
    for (names, known_by) in KNOWN_BY {
        let is_exception = names.contains(&"crate::proto") && path.ends_with(WIRE_REASONS);
        if known_by.contains(&module.as_str()) || is_exception {
            continue;
        }
        for name in names {
            if has_path(&code, name) {
                problems.push(format!("{shown}: {module} names {name}"));
            }
        }
    }
    problems
}

/// The top-level module that a file of `src/` belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap_or(path);
    let first = inside.components().next().expect("a file");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

fn place_of(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&module))
        .unwrap_or_else(|| panic!("{module} has no layer: add it to LAYERS"))
}

/// The first names after `crate::` in a file, or after as many `super::` as lead there; those in `crate::{…}` too.
fn imported_modules(path: &Path, text: &str) -> BTreeSet<String> {
    let code = code_of(text).replace(&to_the_root(path), "crate::");
    let mut modules = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(first_names(group)),
            None => modules.extend(leading_name(rest)),
        }
    }
    modules
}

/// The `super::super::…` by which a file of `src/` names the crate itself.
fn to_the_root(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap_or(path);
    let depth = inside.components().count() - usize::from(inside.ends_with("mod.rs"));
    "super::".repeat(depth)
}

/// The names that begin an item of a `{…}` group, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut begins) = (0, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if letter.is_whitespace() => {}
            _ if begins => {
                names.extend(leading_name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// A file without its comment lines and what stands in string literals.
fn code_of(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(without_literals)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether `code` uses the path `name`, as a whole word followed by `::`.
fn has_path(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let is_whole = before.is_none_or(|letter| !is_name_letter(letter) && letter != ':');
        is_whole && code[start + name.len()..].starts_with("::")
    })
}

//! Migrations that not every older program runs on say so in their names, where programs read it.

use std::path::Path;

/// What takes away something that an older program may name, or asks for something that it does not give.
const CONTRACTS: [&str; 7] = [
    "DROP TABLE",
    "DROP COLUMN",
    "RENAME",
    "SET NOT NULL",
    "ALTER COLUMN",
    "ADD CONSTRAINT",
    "ADD CHECK",
];

/// What a migration's file changes without saying so.
pub fn migration_problems(path: &Path, text: &str) -> Vec<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let number = |name: &str| name.split('_').next().map(str::to_owned);
    let needs = name.rsplit_once("_needs_").map(|(_, needed)| needed);
    let shown = path.display();
    if let Some(needed) = needs {
        let is_older = Some(needed.to_owned()) < number(&name) && needed.starts_with('m');
        let problem = format!("{shown}: it needs {needed}, which is not an older migration");
        return if is_older { Vec::new() } else { vec![problem] };
    }
    // What is new hinders no older program.
    let tables = words_after(text, "CREATE TABLE ");
    let columns = words_after(text, "ADD COLUMN ");
    let names = |statement: &str, new: &[&str]| words(statement).any(|it| new.contains(&it));
    let contracts = |it: &str| {
        CONTRACTS.iter().any(|word| it.contains(word))
            || it.contains("CREATE UNIQUE INDEX") && !names(it, &columns)
            || it.contains("ADD COLUMN") && it.contains("NOT NULL") && !it.contains("DEFAULT")
    };
    text.split(';')
        .filter(|it| contracts(it) && !names(it, &tables))
        .map(|it| format!("{shown}: no _needs_ in the name, but:{it}"))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

fn words_after<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let rests = text.split(start).skip(1);
    rests.filter_map(|it| words(it).next()).collect()
}

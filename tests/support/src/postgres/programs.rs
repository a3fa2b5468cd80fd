//! Finds PostgreSQL's programs, and a locale to run it in.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder that has PostgreSQL's programs: one in PATH, else the newest of Debian's, whose packages leave PATH alone.
pub fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).find(|folder| has_programs(folder));
    in_path.or_else(newest_of_debian)
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn newest_of_debian() -> Option<PathBuf> {
    let version = |folder: &fs::DirEntry| folder.file_name().to_str()?.parse::<f64>().ok();
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|folder| Some((version(&folder)?, folder.path().join("bin"))))
        .filter(|(_, programs)| has_programs(programs))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, programs)| programs)
}

/// The locale to make the cluster with: a language's, which sorts other than by bytes, so that a query that forgot to say
/// how to sort shows; else C.UTF-8, else C.
pub fn locale() -> String {
    let known = Command::new("locale").arg("-a").output();
    let known = known
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let utf8 = |name: &&str| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".utf8") || name.ends_with(".utf-8")
    };
    let (plain, languages): (Vec<&str>, Vec<&str>) = known
        .lines()
        .filter(utf8)
        .partition(|name| name.starts_with("C."));
    let english = languages.iter().find(|name| name.starts_with("en_US"));
    english
        .or(languages.first())
        .or(plain.first())
        .unwrap_or(&"C")
        .to_string()
}

//! How long `contact-lists import` takes, compared with the benchmark's caller, whose messages are built before it is measured.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, ensure};

use crate::{Engine, Flags, database::Database, floor::Action, measure::median};

/// Measures both on each database, in interleaved pairs of new contacts, and returns a table.
pub async fn measure(folder: &Path, flags: &Flags, contacts: u64) -> anyhow::Result<String> {
    let mut table = String::from(
        "| database | contacts | caller, seconds | import, seconds | import / caller | pairs |\n\
         | --- | --: | --: | --: | --: | --: |\n",
    );
    for engine in [Engine::Sqlite, Engine::Postgres] {
        if !flags.wants(engine) {
            continue;
        }
        let Some(mut database) = engine.create(folder, flags, 0).await? else {
            continue;
        };
        let (mut callers, mut imports, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first pair fills the caches.
        for pair in 0..=flags.pairs() {
            let caller = by_caller(&mut database, contacts).await?;
            let import = by_import(&mut database, folder, contacts).await?;
            if pair > 0 {
                callers.push(caller);
                imports.push(import);
                ratios.push(import / caller);
            }
        }
        writeln!(
            table,
            "| {} | {contacts} | {:.2} | {:.2} | {:.2} | {} |",
            database.name,
            median(&callers).context("no pairs")?,
            median(&imports).context("no pairs")?,
            median(&ratios).context("no pairs")?,
            ratios.len(),
        )?;
    }
    Ok(table)
}

async fn by_caller(database: &mut Database, contacts: u64) -> anyhow::Result<f64> {
    let people = database.new_people(contacts);
    let list = database
        .make_list(&format!("caller, {}", people[0].phone))
        .await?;
    let time = database.caller.update(list, Action::Add, &people).await?;
    Ok(time.as_secs_f64())
}

/// The time of the whole program, from a file to its end.
async fn by_import(database: &mut Database, folder: &Path, contacts: u64) -> anyhow::Result<f64> {
    let people = database.new_people(contacts);
    let list = database
        .make_list(&format!("import, {}", people[0].phone))
        .await?;
    let folder = tempfile::tempdir_in(folder)?;
    let mut file = BufWriter::new(File::create(folder.path().join("people.csv"))?);
    writeln!(file, "phone,external_id,email,name")?;
    for person in people {
        let external_id = person.external_id.unwrap_or_default();
        writeln!(
            file,
            "{},{external_id},{},{}",
            person.phone, person.email, person.name
        )?;
    }
    file.flush()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_contact-lists"));
    command
        .args(["import", "people.csv", "--list", &list.to_string()])
        .args(["--server", &format!("http://{}", database.address)])
        .env("CONTACT_LISTS_KEY", &database.key)
        .current_dir(folder.path())
        .stderr(Stdio::null());
    let start = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let time = start.elapsed();
    let text = String::from_utf8(output.stdout)?;
    let created = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("created")?.trim().parse().ok());
    ensure!(created == Some(contacts), "not all was applied: {text}");
    Ok(time.as_secs_f64())
}

//! `contact-lists suppression`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::{args::SuppressionCommand, with_schema, with_whole_schema};
use crate::{
    app::suppressions,
    domain::{
        OrganizationId,
        suppression::{Erasure, OptOut, Suppressions},
    },
    repository::Repository,
    settings::DatabaseSettings,
};

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    OptOut(OptOut),
    Erasure(Erasure),
    /// The last one, which a file that was cut off lacks.
    End(Counts),
}

/// How many lines of each type come before the last one.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    opt_out_count: usize,
    erasure_count: usize,
}

/// Exports or applies opt-outs and erasures.
pub async fn run(command: SuppressionCommand) -> anyhow::Result<()> {
    match command {
        SuppressionCommand::Export {
            since,
            organization,
            database,
        } => {
            let organization = organization.map(OrganizationId);
            let export = async |repository: &_| export(repository, since, organization).await;
            with_whole_schema(&database, export).await
        }
        SuppressionCommand::Apply { file, database } => apply(&file, &database).await,
    }
}

async fn export(
    repository: &Repository,
    since: OffsetDateTime,
    organization: Option<OrganizationId>,
) -> anyhow::Result<()> {
    let (sender, mut pages) = mpsc::channel(1);
    let read = async {
        suppressions::export(repository, organization, since, sender)
            .await
            .context("cannot export")
    };
    let write = async {
        let (mut output, mut counts) = (BufWriter::new(io::stdout()), Counts::default());
        while let Some(Suppressions { opt_outs, erasures }) = pages.recv().await {
            counts.opt_out_count += opt_outs.len();
            counts.erasure_count += erasures.len();
            let opt_outs = opt_outs.into_iter().map(Line::OptOut);
            for line in opt_outs.chain(erasures.into_iter().map(Line::Erasure)) {
                print(&mut output, &line)?;
            }
        }
        anyhow::Ok((output, counts))
    };
    let ((), (mut output, counts)) = tokio::try_join!(read, write)?;
    print(&mut output, &Line::End(counts))?;
    output.flush().context("cannot print")
}

fn print(output: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *output, line).context("cannot print")?;
    output.write_all(b"\n").context("cannot print")
}

async fn apply(file: &Path, database: &DatabaseSettings) -> anyhow::Result<()> {
    let parsed = if file == Path::new("-") {
        parse(io::stdin().lock())
    } else {
        File::open(file)
            .map_err(anyhow::Error::from)
            .and_then(|file| parse(BufReader::new(file)))
    };
    let parsed = parsed.with_context(|| format!("cannot read {}", file.display()))?;
    let apply = async |repository: &Repository| {
        suppressions::apply(repository, parsed)
            .await
            .context("cannot apply all of it; it can be applied again")
    };
    let applied = with_schema(database, false, apply).await?;
    for (what, count) in [
        ("contacts erased", applied.erased_contacts),
        ("contacts that there are not", applied.unknown_contacts),
        ("opt-outs of contacts", applied.contact_opt_outs),
        ("opt-outs of unassigned numbers", applied.number_opt_outs),
        ("opt-outs of unknown channels", applied.unknown_channels),
        (
            "lines of unknown organizations",
            applied.unknown_organizations,
        ),
    ] {
        println!("{count}\t{what}");
    }
    Ok(())
}

fn parse(input: impl BufRead) -> anyhow::Result<Suppressions> {
    let (mut parsed, mut end) = (Suppressions::default(), None);
    for (number, line) in (1..).zip(input.lines()) {
        ensure!(end.is_none(), "line {number} comes after the end");
        let line = serde_json::from_str(&line?);
        match line.with_context(|| format!("line {number} is malformed"))? {
            Line::OptOut(opt_out) => parsed.opt_outs.push(opt_out),
            Line::Erasure(erasure) => parsed.erasures.push(erasure),
            Line::End(counts) => end = Some(counts),
        }
    }
    let counts = Counts {
        opt_out_count: parsed.opt_outs.len(),
        erasure_count: parsed.erasures.len(),
    };
    match end {
        None => bail!("it is incomplete: its last line is missing"),
        Some(end) => ensure!(end == counts, "it is incomplete: lines are missing"),
    }
    Ok(parsed)
}

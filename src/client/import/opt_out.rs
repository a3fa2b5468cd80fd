//! `contact-lists opt-out`: the people of a file, opted out of channels. Nothing needs to be kept beside the file, as opting out
//! those who are opted out already changes nothing.

use std::{path::PathBuf, process::ExitCode};

use anyhow::bail;
use clap::Args;
use tokio_stream::StreamExt;
use uuid::Uuid;

use super::{
    contacts::Contacts,
    dates::DateOrder,
    ending::{EXIT_BROKEN_OFF, EXIT_REJECTED},
    mapping::{Content, Mapping},
    open,
    preview::{describe, look_at},
    progress::Progress,
    read_on_thread,
    rejected::Rejections,
    rejected_path,
    retries::{Unsent, with_retries},
    settings::{FileSettings, LostPrefix, Region, RowSettings, region},
    stream::{Batch, Part, SendError, send_batches},
    target::channel_references,
};
use crate::{
    client::{
        connect::{Connection, ConnectionSettings},
        consent::ConsentSettings,
        error::is_for_rejected_contacts,
        output::{note, print},
    },
    proto::{
        Contact, OptOutContact, OptOutContactsFooter as Footer, OptOutContactsHeader as Header,
        OptOutContactsRequest as Request, OptOutContactsResponse as Outcome,
        opt_out_contact::Reference, update_contact_list_contacts_header::RejectionPolicy,
    },
};

/// What the help says after the flags.
const AFTER_HELP: &str = "\
Each row names a person: by phone, or without one by external_id, or without that by id. A phone that no contact has is opted
out as well. Run again, the command changes nothing for those who are opted out already.

Exit codes:
  0  all are opted out
  1  an error; nothing was changed
  2  the command line is wrong
  3  opted out, but for the rejected rows, which are listed in FILE.rejected.csv: mend them there, and run with that file
  4  broken off, perhaps after a part was applied: run the same command again

Examples:
  contact-lists opt-out stop.csv --all-channels
  contact-lists opt-out Abmeldungen.xlsx --channel Newsletter --map phone=Handy --region DE";

/// The settings of `opt-out`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct OptOutSettings {
    /// Which file, and how it is read.
    #[command(flatten)]
    pub file: FileSettings,
    /// Which column names the people, as FIELD=COLUMN with the field phone, external_id or id, or a part of the consent: phone=Telefon. May be repeated; by
    /// default columns are recognized by their header
    #[arg(long, value_name = "FIELD=COLUMN", help_heading = "People")]
    pub map: Vec<Mapping>,
    /// The region (ISO 3166 alpha-2), such as DE, of phone numbers in national format; by default the organization's
    #[arg(long, value_parser = region, help_heading = "People")]
    pub region: Option<Region>,
    /// What phone numbers that consist of digits alone have lost in a spreadsheet, and get back
    #[arg(long, value_enum, help_heading = "People")]
    pub restore_phones: Option<LostPrefix>,
    /// Which comes first in dates such as 01/02/2026 in a column of consent.collect_time; by default the other dates must show it
    #[arg(long, value_enum, help_heading = "People")]
    pub date_order: Option<DateOrder>,
    /// A channel to opt out of: its id, phone number or name. May be repeated
    #[arg(
        long,
        value_name = "CHANNEL",
        required_unless_present = "all_channels",
        help_heading = "Opt-out"
    )]
    pub channel: Vec<String>,
    /// Opt out of all channels, present and later
    #[arg(long, conflicts_with = "channel", help_heading = "Opt-out")]
    pub all_channels: bool,
    /// Apply nothing if a row is rejected; by default the others are applied
    #[arg(long, help_heading = "Opt-out")]
    pub all_or_nothing: bool,
    /// Do everything but apply it, and show what would happen
    #[arg(long, help_heading = "Opt-out")]
    pub dry_run: bool,
    /// Where to list rejected rows; by default FILE.rejected.csv, or FILE.rejected.jsonl
    #[arg(long, value_name = "PATH", help_heading = "Opt-out")]
    pub rejected: Option<PathBuf>,
    /// How the people said so.
    #[command(flatten)]
    pub consent: ConsentSettings,
    /// Which server.
    #[command(flatten)]
    pub connection: ConnectionSettings,
}

/// Opts the people of a file out.
pub async fn run(settings: OptOutSettings) -> anyhow::Result<ExitCode> {
    let mut connection = Connection::open(&settings.connection).await?;
    let source = open(&settings.file).await?;
    let consent = settings.consent.consent();
    let rows = RowSettings {
        map: settings.map.clone(),
        region: settings.region.clone(),
        restore_phones: settings.restore_phones,
        date_order: settings.date_order,
        decimal_separator: None,
        custom_object: None,
    };
    let (contacts, survey) = look_at(
        rows,
        &connection,
        source,
        (Content::Reference, None, consent),
    )
    .await?;
    describe(&contacts, &survey);
    let count = survey.contact_count;
    if count == 0 {
        let name = &contacts.source.name;
        print(format_args!("Nothing was changed: {name} has no rows."))?;
        return Ok(ExitCode::SUCCESS);
    }
    let limit = u64::try_from(connection.limits.max_contacts).unwrap_or(0);
    let per_call = limit.max(1);
    if settings.all_or_nothing && count > per_call {
        bail!(
            "the file has {count} rows, the server takes {per_call} in a call, and --all-or-nothing needs a single call. \
             Nothing was changed"
        );
    }
    let header = header(&settings, &mut connection).await?;
    let path = rejected_path(settings.rejected, &settings.file, &contacts.source);
    let mut calls = Calls {
        connection,
        contacts,
        header,
        progress: Progress::begin(count)?,
        rejections: Rejections::new(path)?,
        summary: Summary::default(),
    };
    let made = calls.run(count, per_call).await;
    calls.progress.end();
    calls.end(made).await
}

async fn header(settings: &OptOutSettings, connection: &mut Connection) -> anyhow::Result<Header> {
    let mut header = Header {
        channels: channel_references(connection, &settings.channel).await?,
        all_channels: settings.all_channels,
        consent: settings.consent.consent(),
        validate_only: settings.dry_run,
        ..Header::default()
    };
    header.set_rejection_policy(match settings.all_or_nothing && !settings.dry_run {
        true => RejectionPolicy::RejectAll,
        false => RejectionPolicy::Skip,
    });
    Ok(header)
}

/// The calls of a file, one after another.
struct Calls {
    connection: Connection,
    contacts: Contacts,
    /// The header of every call, but for its request_id.
    header: Header,
    progress: Progress,
    rejections: Rejections,
    summary: Summary,
}

impl Calls {
    async fn run(&mut self, count: u64, per_call: u64) -> Result<(), Unsent> {
        let mut rows = None;
        for start in (0..count).step_by(usize::try_from(per_call).unwrap_or(usize::MAX)) {
            let end = (start + per_call).min(count);
            let part = Part {
                start,
                end,
                offset: 0,
            };
            let header = Header {
                // So that a call is applied once, if it has to be sent again.
                request_id: (!self.header.validate_only).then(|| Uuid::new_v4().to_string()),
                ..self.header.clone()
            };
            match self.send(header, part, &mut rows).await {
                Ok(outcome) => {
                    self.list(part, &outcome)?;
                    self.summary.add(&outcome);
                }
                Err(Unsent {
                    error: SendError::Status(status),
                    ..
                }) if is_for_rejected_contacts(&status) => {
                    let mut header = self.header.clone();
                    header.validate_only = true;
                    header.set_rejection_policy(RejectionPolicy::Skip);
                    let outcome = self.send(header, part, &mut None).await?;
                    self.list(part, &outcome)?;
                    return Err(Unsent {
                        error: SendError::Status(status),
                        is_certain: true,
                    });
                }
                Err(unsent) => return Err(unsent),
            }
            self.progress.set(end);
        }
        Ok(())
    }

    async fn send(
        &mut self,
        header: Header,
        part: Part,
        rows: &mut Option<super::contacts::ContactRows>,
    ) -> Result<Outcome, Unsent> {
        let (progress, contacts) = (&self.progress, &self.contacts);
        let max_bytes = self.connection.limits.max_message_bytes;
        let preferences = &mut self.connection.preferences;
        with_retries(progress, async || {
            let mut header = Some(header.clone());
            let request = move |batch: Batch| Request {
                header: header.take(),
                contacts: batch.contacts.into_iter().map(opt_out_contact).collect(),
                footer: (batch.contact_count).map(|contact_count| Footer { contact_count }),
            };
            let sent = (part, &mut *rows, Some(progress));
            send_batches(max_bytes, contacts, sent, |batches| {
                preferences.opt_out_contacts(batches.map(request))
            })
            .await
        })
        .await
    }

    /// Keeps the rejected rows of a call.
    fn list(&mut self, part: Part, outcome: &Outcome) -> Result<(), Unsent> {
        for rejected in &outcome.rejected_contacts {
            let index = part.index_in_file(u64::try_from(rejected.index).unwrap_or(0));
            let added = self.rejections.add(index, rejected.violations.clone());
            added.map_err(|error| Unsent {
                error: SendError::File(error.into()),
                is_certain: false,
            })?;
        }
        Ok(())
    }

    /// Says how it ended.
    async fn end(self, made: Result<(), Unsent>) -> anyhow::Result<ExitCode> {
        let (contacts, rejections) = (self.contacts, self.rejections);
        let listed_count = rejections.count;
        let rejected = read_on_thread(move || rejections.write(&contacts)).await?;
        if let Some(path) = &rejected {
            note(format_args!(
                "{listed_count} rejected rows are in {}, with the reasons",
                path.display()
            ));
        }
        let summary = self.summary;
        if let Err(Unsent { error, is_certain }) = made {
            let error = anyhow::Error::from(error);
            if is_certain && summary.call_count == 0 {
                return Err(error.context("nothing was changed"));
            }
            note(format_args!("error: {error:#}"));
            note(
                "It broke off. Run the same command again: those who are opted out already stay so.",
            );
            return Ok(EXIT_BROKEN_OFF.into());
        }
        // Closing standard output does not take back what was applied.
        let _ = print(match self.header.validate_only {
            true => "Dry run, nothing was changed. These would be the counts:",
            false => "Applied.",
        });
        for ((name, _), count) in COUNTS.iter().zip(summary.counts) {
            let _ = print(format_args!("  {name:<26} {count:>10}"));
        }
        Ok(match summary.rejected_count {
            0 => ExitCode::SUCCESS,
            _ => EXIT_REJECTED.into(),
        })
    }
}

/// Whom a row names. One that could not be read completely is marked by a birth date that is none, as for `import`; it names
/// nobody, so that the server rejects it.
fn opt_out_contact(contact: Contact) -> OptOutContact {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let reference = given(contact.phone).map(Reference::Phone);
    let reference = reference.or(given(contact.external_id).map(Reference::ExternalId));
    let reference = reference.or(given(Some(contact.id)).map(Reference::Id));
    OptOutContact {
        reference: reference.filter(|_| contact.birth_date.is_none()),
        consent: contact.consent,
    }
}

/// The outcomes of all calls, added up.
#[derive(Default)]
struct Summary {
    call_count: u64,
    rejected_count: u64,
    counts: [u64; COUNTS.len()],
}

type Count = fn(&Outcome) -> i64;

/// The counts of an outcome and their names, as they are shown.
const COUNTS: [(&str, Count); 7] = [
    ("received", |outcome| outcome.received_count.into()),
    ("opted out", |outcome| outcome.opted_out_count.into()),
    ("unchanged", |outcome| outcome.unchanged_count.into()),
    ("duplicate", |outcome| outcome.duplicate_count.into()),
    ("rejected", |outcome| outcome.rejected_count.into()),
    ("unassigned numbers", |outcome| {
        outcome.unassigned_number_count.into()
    }),
    ("opted out of channels", |outcome| {
        outcome.opted_out_pair_count
    }),
];

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.call_count += 1;
        self.rejected_count += u64::try_from(outcome.rejected_count).unwrap_or(0);
        for (sum, (_, count)) in self.counts.iter_mut().zip(COUNTS) {
            *sum += u64::try_from(count(outcome)).unwrap_or(0);
        }
    }
}

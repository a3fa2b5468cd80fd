//! `contact-lists import`: a file as people have it, added to a contact list, removed from it, or as the whole of it.
//!
//! The file is read three times, so that memory does not grow with it: as bytes, for its encoding; as rows, for what they
//! show about dates, and to find out whether it is cut off; and as contacts, which are sent as the server takes them.

pub(super) mod amounts;
mod calls;
mod columns;
mod contact;
mod contacts;
pub mod dates;
mod ending;
mod mapping;
pub mod opt_out;
mod preview;
mod progress;
mod property;
mod rejected;
mod retries;
mod settings;
mod source;
mod spellings;
mod state;
mod stream;
mod summary;
pub(super) mod target;

use std::{
    io::{BufRead, IsTerminal, stdin},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::bail;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::settings::ImportSettings;
use self::{
    calls::{Calls, CallsError},
    contacts::Contacts,
    ending::{Ending, with_created},
    mapping::Content,
    preview::{describe, look_at},
    progress::Progress,
    rejected::Rejections,
    settings::{FileSettings, ImportAction},
    source::{Format, Source},
    state::{State, StateFile},
    stream::Part,
    summary::Planned,
    target::TargetList,
};
use super::{
    connect::Connection,
    lists,
    output::{note, print},
};
use crate::{
    domain::percent::Percent,
    proto::{
        CustomObject, UpdateContactListContactsHeader as Header,
        update_contact_list_contacts_header::{Action, RejectionPolicy},
    },
};

/// Imports a file.
pub async fn run(settings: ImportSettings) -> anyhow::Result<ExitCode> {
    let mut connection = Connection::open(&settings.connection).await?;
    let source = open(&settings.file).await?;
    let object =
        target::custom_object(&mut connection, settings.rows.custom_object.as_deref()).await?;
    let content = (Content::Contact, object.clone(), settings.consent.consent());
    let (contacts, survey) = look_at(settings.rows.clone(), &connection, source, content).await?;
    describe(&contacts, &survey);
    if survey.contact_count == 0 && !settings.empties_the_list() {
        return no_contacts(&settings, &contacts);
    }
    let list = target::contact_list(&mut connection, &settings.update).await?;
    let header = header(&settings, &mut connection, &list, object).await?;
    let import = Import {
        settings,
        contacts,
        contact_count: survey.contact_count,
        header,
        list,
    };
    import.run(connection).await
}

/// An import that is ready to be sent.
struct Import {
    settings: ImportSettings,
    contacts: Contacts,
    contact_count: u64,
    header: Header,
    list: TargetList,
}

impl Import {
    async fn run(mut self, connection: Connection) -> anyhow::Result<ExitCode> {
        let limit = u64::try_from(connection.limits.max_contacts)
            .unwrap_or(0)
            .max(1);
        self.check_limit(limit)?;
        let mut rejections = self.rejections()?;
        let is_dry_run = self.settings.update.dry_run;
        let mut calls = Calls {
            connection,
            contacts: self.contacts.clone(),
            header: self.header.clone(),
            contact_count: self.contact_count,
            contacts_per_call: limit,
            request_id: None,
            is_resumed: false,
            progress: Progress::begin(self.contact_count)?,
            planned: is_dry_run.then(|| self.planned()),
        };
        let checked = calls.check_phones().await;
        calls.progress.end();
        checked?;
        let created_list = self.create_list(&mut calls.connection).await?;
        let state = self
            .state(&calls.connection, limit)
            .map_err(|error| with_created(error, created_list.as_deref()))?;
        calls.prepare(
            self.header.clone(),
            self.settings.update.request_id,
            state.as_ref(),
        );
        if self.asks() {
            let confirmed = self.confirm(&mut calls).await;
            calls.progress.end();
            if !confirmed? {
                note("nothing was changed");
                return Ok(ExitCode::FAILURE);
            }
        }
        calls.progress = Progress::begin(self.contact_count)?;
        let written = state.as_ref().map(StateFile::write).transpose();
        let made = match written {
            Ok(_) => calls.run(&mut rejections).await,
            Err(error) => Err(CallsError {
                error,
                is_unapplied: true,
            }),
        };
        calls.progress.end();
        let ending = Ending {
            contacts: self.contacts,
            rejections,
            state,
            created_list,
            planned: calls.planned,
            contacts_per_call: calls.contacts_per_call,
        };
        ending.finish(made).await
    }

    /// Whether to ask before an overwrite: from a list that is new, nothing can be lost.
    fn asks(&self) -> bool {
        let update = &self.settings.update;
        let is_overwrite = update.action == ImportAction::Overwrite;
        is_overwrite && !update.dry_run && matches!(self.list, TargetList::Found(_))
    }

    /// Creates the contact list if it is to be created, and returns its name.
    /// The calls name it from then on.
    async fn create_list(&mut self, connection: &mut Connection) -> anyhow::Result<Option<String>> {
        match &self.list {
            TargetList::New { name, .. } if !self.settings.update.dry_run => {
                let list = lists::create(connection, name.clone(), None).await?;
                self.header.contact_list_id = list.id;
                Ok(list.name)
            }
            _ => Ok(None),
        }
    }

    /// What a dry run is for.
    fn planned(&self) -> Planned {
        match &self.list {
            TargetList::Found(list) => Planned {
                name: list.name().to_owned(),
                contact_count: i64::from(list.contact_count),
                is_new: false,
                action: self.settings.update.action,
            },
            TargetList::New { name, .. } => Planned {
                name: name.clone(),
                contact_count: 0,
                is_new: true,
                action: self.settings.update.action,
            },
        }
    }

    fn rejections(&self) -> anyhow::Result<Rejections> {
        let given = self.settings.update.rejected.clone();
        let path = rejected_path(given, &self.settings.file, &self.contacts.source);
        Rejections::new(path)
    }

    /// An overwrite is one call: in several, the list would have only a part of the contacts in between.
    fn check_limit(&self, limit: u64) -> anyhow::Result<()> {
        let count = self.contact_count;
        let update = &self.settings.update;
        let in_one_call = match update.action {
            ImportAction::Overwrite => "an overwrite",
            _ if update.all_or_nothing => "--all-or-nothing",
            _ => return Ok(()),
        };
        if count > limit {
            bail!(
                "the file has {count} contacts, the server takes {limit} in a call, and {in_one_call} needs a single call. \
                 Nothing was changed. Ask the operator to set --max-contacts (CONTACT_LISTS_MAX_CONTACTS) to {count} or more"
            );
        }
        Ok(())
    }

    /// What is kept beside the file; nothing for standard input, with --request-id, and if nothing is applied.
    fn state(&self, connection: &Connection, limit: u64) -> anyhow::Result<Option<StateFile>> {
        let update = &self.settings.update;
        if self.settings.file.is_stdin() || update.request_id.is_some() || update.dry_run {
            return Ok(None);
        }
        let retention = connection
            .limits
            .request_id_retention
            .as_ref()
            .map_or(0, |it| it.seconds);
        let new = State {
            server: connection.server.clone(),
            contact_list_id: self.header.contact_list_id.clone(),
            sha256: self.contacts.source.sha256.clone(),
            options: format!(
                "{:?} {:?} {:?}",
                self.header, self.settings.rows, self.settings.file
            ),
            request_id: Uuid::new_v4(),
            contacts_per_call: limit,
            start_time: OffsetDateTime::now_utc(),
        };
        let path = self.settings.file.beside(".import-state");
        StateFile::open(path, new, time::Duration::seconds(retention)).map(Some)
    }

    /// Shows what an overwrite would do, and asks whether to do it.
    async fn confirm(&self, calls: &mut Calls) -> anyhow::Result<bool> {
        if self.settings.update.yes || calls.is_applied().await? {
            return Ok(true);
        }
        let TargetList::Found(list) = &self.list else {
            return Ok(true);
        };
        let part = Part {
            start: 0,
            end: self.contact_count,
            offset: 0,
        };
        let outcome = calls.dry_run(part).await.map_err(|it| it.error)?;
        calls.progress.end();
        note(format_args!(
            "{} has {} contacts: {} would leave it, {} would join it, and {} of the file would be rejected.",
            list.name(),
            list.contact_count,
            outcome.removed_count,
            outcome.added_count,
            outcome.rejected_count,
        ));
        if !stdin().is_terminal() || self.settings.file.is_stdin() {
            bail!("nothing was changed: without a terminal to ask in, an overwrite needs --yes");
        }
        eprint!("Overwrite it? [y/N] ");
        let answer = read_on_thread(|| {
            let mut answer = String::new();
            stdin().lock().read_line(&mut answer)?;
            Ok(answer)
        });
        Ok(["y", "yes"].contains(&answer.await?.trim().to_lowercase().as_str()))
    }
}

impl ImportSettings {
    fn empties_the_list(&self) -> bool {
        self.update.action == ImportAction::Overwrite && self.update.allow_empty
    }
}

fn no_contacts(settings: &ImportSettings, contacts: &Contacts) -> anyhow::Result<ExitCode> {
    let name = &contacts.source.name;
    if settings.update.action == ImportAction::Overwrite {
        bail!(
            "{name} has no contacts, and would empty the list: if that is meant, say --allow-empty"
        );
    }
    print(format_args!("Nothing was changed: {name} has no contacts."))?;
    Ok(ExitCode::SUCCESS)
}

async fn header(
    settings: &ImportSettings,
    connection: &mut Connection,
    list: &TargetList,
    object: Option<CustomObject>,
) -> anyhow::Result<Header> {
    let update = &settings.update;
    let mut header = Header {
        contact_list_id: list.id().to_owned(),
        resubscribe: update.resubscribe,
        custom_object_id: object.map(|object| object.id),
        validate_only: update.dry_run,
        allow_empty: update.allow_empty,
        expected_version: update.expected_version,
        max_removed_count: update.max_removed_count,
        max_removed_percent: update.max_removed_percent.map(Percent::number),
        consent: settings.consent.consent(),
        ..Header::default()
    };
    header.set_action(match update.action {
        // A list that is only tried in place of a new one is not what an overwrite is about.
        ImportAction::Overwrite if update.dry_run && matches!(list, TargetList::New { .. }) => {
            Action::Add
        }
        ImportAction::Add => Action::Add,
        ImportAction::Remove => Action::Remove,
        ImportAction::Overwrite => Action::Overwrite,
    });
    header.set_rejection_policy(match update.all_or_nothing && !update.dry_run {
        true => RejectionPolicy::RejectAll,
        false => RejectionPolicy::Skip,
    });
    target::set_opt_ins(connection, &mut header, &update.opt_in_to).await?;
    Ok(header)
}

/// Opens a file.
async fn open(file: &FileSettings) -> anyhow::Result<Arc<Source>> {
    let file = file.clone();
    let source = read_on_thread(move || Source::open(&file)).await?;
    Ok(Arc::new(source))
}

/// Where rejected rows are written: to the path that is given, or beside the file.
fn rejected_path(given: Option<PathBuf>, file: &FileSettings, source: &Source) -> PathBuf {
    let ending = match source.format {
        Format::Jsonl => ".rejected.jsonl",
        _ => ".rejected.csv",
    };
    given.unwrap_or_else(|| file.beside(ending))
}

/// Runs what reads files or waits for a person beside the runtime.
async fn read_on_thread<T: Send + 'static>(
    read: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(read).await?
}

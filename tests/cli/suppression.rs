//! `suppression export` and `suppression apply`: what a restored back-up lacks.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use contact_lists::proto::{
    ChannelReference, ContactReference, DeleteContactRequest, OptOutRequest, channel_reference,
    contact_reference,
};
use test_support::*;
use uuid::Uuid;

use crate::text;

/// What a restore brings back, parents first.
const TABLES: [&str; 7] = [
    "contacts",
    "communication_preferences",
    "opted_out_numbers",
    "contact_lists",
    "contact_list_contacts",
    "contact_list_updates",
    "erasures",
];

const LONG_AGO: &str = "2000-01-01T00:00:00Z";

const CHANNEL: &str = "+12025550100";

/// What `apply` prints.
#[derive(Debug, Default, PartialEq)]
struct Applied {
    erased: u64,
    unknown_contacts: u64,
    of_contacts: u64,
    of_numbers: u64,
    unknown_channels: u64,
    unknown_organizations: u64,
}

/// A service whose database has been backed up, with a caller, a list and a channel.
struct BackedUp {
    service: Service,
    admin: Client,
    list: String,
    channel: String,
}

impl BackedUp {
    /// Contacts 1 and 2 are opted in to the channel; 1 has an external_id.
    async fn new(service: Service) -> Self {
        let admin = service.admin();
        let channel = admin.create_channel(CHANNEL).await;
        let list = admin.create_list("Newsletter").await;
        let people = vec![contact(&number(1)).external_id("e-1"), contact(&number(2))];
        admin.update(header(&list).add(), people).await.unwrap();
        let copy = |table: &str| format!("CREATE TABLE copy_of_{table} AS SELECT * FROM {table}");
        service
            .database()
            .execute(&TABLES.map(copy).join(";"))
            .await;
        Self {
            service,
            admin,
            list,
            channel,
        }
    }

    async fn restore(&self) {
        let mut sql: Vec<_> = TABLES
            .iter()
            .rev()
            .map(|it| format!("DELETE FROM {it}"))
            .collect();
        let copy = |table: &&str| format!("INSERT INTO {table} SELECT * FROM copy_of_{table}");
        sql.extend(TABLES.iter().map(copy));
        self.service.database().execute(&sql.join(";")).await;
    }

    /// Exports, restores and applies the export.
    async fn recover(&self) -> Applied {
        let file = self.export(&["--since", LONG_AGO]);
        self.restore().await;
        self.apply(&file)
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        run(self.service.database_url(), args, input)
    }

    #[track_caller]
    fn export(&self, args: &[&str]) -> String {
        let output = self.run(&[&["export"], args].concat(), "");
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    }

    #[track_caller]
    fn apply(&self, file: &str) -> Applied {
        let output = self.run(&["apply", "-"], file);
        assert!(output.status.success(), "{output:?}");
        let printed = text(&output.stdout);
        let counts = printed.lines().map(|line| line.split_once('\t').unwrap());
        let [
            erased,
            unknown_contacts,
            of_contacts,
            of_numbers,
            unknown_channels,
            unknown_organizations,
        ] = counts
            .map(|(count, _)| count.parse().unwrap())
            .collect::<Vec<_>>()[..]
        else {
            panic!("{printed}")
        };
        Applied {
            erased,
            unknown_contacts,
            of_contacts,
            of_numbers,
            unknown_channels,
            unknown_organizations,
        }
    }

    /// The line that says why a file is refused.
    #[track_caller]
    fn refusal(&self, file: &str) -> String {
        let output = self.run(&["apply", "-"], file);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{output:?}"
        );
        text(&output.stderr)
    }

    async fn erase(&self, phone: &str) {
        let id = self.admin.contact(phone).await.contact.unwrap().id;
        let request = DeleteContactRequest { id };
        self.admin
            .contacts
            .clone()
            .delete_contact(request)
            .await
            .unwrap();
    }

    async fn opt_out(&self, phones: Vec<String>) {
        let channel = channel_reference::Reference::Id(self.channel.clone());
        let person = |phone| ContactReference {
            reference: Some(contact_reference::Reference::Phone(phone)),
        };
        let request = OptOutRequest {
            contacts: phones.into_iter().map(person).collect(),
            channels: vec![ChannelReference {
                reference: Some(channel),
            }],
            all_channels: false,
            ..Default::default()
        };
        let mut preferences = self.admin.preferences.clone();
        preferences.opt_out(request).await.unwrap();
    }

    /// Puts a contact on the list, and returns how many opt-outs kept it from being opted in.
    async fn kept_opt_outs(&self, phone: &str) -> i64 {
        let add = header(&self.list).add();
        let outcome = self.admin.update(add, vec![contact(phone)]).await.unwrap();
        outcome.kept_opt_out_count
    }

    fn opted_out(&self) -> Vec<(String, bool)> {
        vec![(self.channel.clone(), false)]
    }

    fn opted_in(&self) -> Vec<(String, bool)> {
        vec![(self.channel.clone(), true)]
    }
}

fn run(database_url: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_contact-lists"))
        .env_clear()
        .arg("suppression")
        .args(args)
        .args(["--database-url", database_url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a running program");
    let mut stdin = child.stdin.take().expect("its input");
    // A program that ends before it has read everything closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("its output")
}

on_both! {
    async fn an_opt_out_since_the_back_up_is_in_force_again_as_it_was(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_eq!(it.recover().await, Applied { of_contacts: 1, ..Applied::default() });
        assert_eq!(it.admin.preferences(&number(1)).await, before);
        assert_eq!(it.admin.opt_states(&number(2)).await, it.opted_in());
    }

    async fn an_opt_out_of_all_channels_covers_later_ones_again(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out_of_all_channels(&number(1)).await;
        let before = it.admin.preferences(&number(1)).await;
        assert_eq!(it.recover().await, Applied { of_contacts: 2, ..Applied::default() });
        assert_eq!(it.admin.preferences(&number(1)).await, before);
        it.admin.create_channel(&number(900)).await;
        assert_eq!(it.kept_opt_outs(&number(1)).await, 2);
    }

    async fn a_contact_that_was_erased_since_the_back_up_is_erased_again(service: Service) {
        let it = BackedUp::new(service).await;
        it.erase(&number(1)).await;
        assert_eq!(it.recover().await, Applied { erased: 1, ..Applied::default() });
        assert_eq!(phones(&it.admin.members(&it.list).await), [number(2)]);
        assert_eq!(it.admin.list(&it.list).await.contact_count, 1);
    }

    async fn the_opt_outs_of_an_erased_contact_stay_with_its_number(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.erase(&number(1)).await;
        assert_eq!(it.recover().await, Applied { erased: 1, of_numbers: 1, ..Applied::default() });
        assert_eq!(it.kept_opt_outs(&number(1)).await, 1);
    }

    async fn an_erasure_of_before_the_back_up_is_exported_after_a_restore_too(service: Service) {
        let it = BackedUp::new(service).await;
        it.erase(&number(1)).await;
        let first = it.export(&["--since", LONG_AGO]);
        it.restore().await;
        it.apply(&first);
        assert_eq!(it.export(&["--since", LONG_AGO]), first);
    }

    async fn an_opt_out_of_a_contact_that_is_newer_than_the_back_up_stays_with_its_number(service: Service) {
        let it = BackedUp::new(service).await;
        assert_eq!(it.kept_opt_outs(&number(3)).await, 0);
        it.admin.opt_out(&number(3), &[&it.channel]).await;
        assert_eq!(it.recover().await, Applied { of_numbers: 1, ..Applied::default() });
        assert_eq!(it.kept_opt_outs(&number(3)).await, 1);
    }

    async fn an_opt_out_of_an_unassigned_number_reaches_the_contact_that_has_it_in_the_back_up(service: Service) {
        let it = BackedUp::new(service).await;
        let moved = vec![contact(&number(4)).external_id("e-1")];
        it.admin.update(header(&it.list).add(), moved).await.unwrap();
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        assert_eq!(it.recover().await, Applied { of_contacts: 1, ..Applied::default() });
        assert_eq!(it.admin.opt_states(&number(1)).await, it.opted_out());
    }

    async fn an_opt_out_of_a_contact_that_has_changed_number_holds_for_the_contact_and_the_number(service: Service) {
        let it = BackedUp::new(service).await;
        let moved = vec![contact(&number(4)).external_id("e-1")];
        it.admin.update(header(&it.list).add(), moved).await.unwrap();
        it.admin.opt_out(&number(4), &[&it.channel]).await;
        assert_eq!(it.recover().await, Applied { of_contacts: 1, of_numbers: 1, ..Applied::default() });
        assert_eq!(it.admin.opt_states(&number(1)).await, it.opted_out());
        assert_eq!(it.kept_opt_outs(&number(4)).await, 1);
    }

    async fn a_file_that_is_applied_again_changes_nothing(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.admin.opt_out(&number(9), &[&it.channel]).await;
        it.erase(&number(2)).await;
        let file = it.export(&["--since", LONG_AGO]);
        it.restore().await;
        let all = Applied { erased: 1, of_contacts: 1, of_numbers: 1, ..Applied::default() };
        assert_eq!(it.apply(&file), all);
        assert_eq!(it.apply(&file), Applied { unknown_contacts: 1, ..Applied::default() });
    }

    async fn an_opt_in_since_the_opt_out_is_not_undone(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.admin.opt_in(&number(1), &[&it.channel]).await;
        assert_eq!(it.recover().await, Applied::default());
        assert_eq!(it.admin.opt_states(&number(1)).await, it.opted_in());
    }

    async fn only_what_is_not_older_is_exported(service: Service) {
        let it = BackedUp::new(service).await;
        let mut lengths = Vec::new();
        for n in [1, 2] {
            it.admin.opt_out(&number(n), &[&it.channel]).await;
        }
        for n in [1, 2] {
            let time = it.admin.preferences(&number(n)).await[0].change_time.unwrap();
            let since = format!("{}.{:09}Z", seconds(time.seconds), time.nanos);
            lengths.push(it.export(&["--since", &since]).lines().count());
        }
        // The last line says how many there are.
        assert_eq!(lengths, [3, 2]);
    }

    async fn more_than_a_page_is_exported_and_applied(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.update(header(&it.list).add(), contacts(1000..2100)).await.unwrap();
        for first in [1000, 2000, 3000] {
            it.opt_out(numbers(first..first + 1000)).await;
        }
        let file = it.export(&["--since", LONG_AGO]);
        it.service.database().execute("DELETE FROM communication_preferences").await;
        it.service.database().execute("DELETE FROM opted_out_numbers").await;
        let all = Applied { of_contacts: 1100, of_numbers: 1900, ..Applied::default() };
        assert_eq!(it.apply(&file), all);
        assert_eq!(it.export(&["--since", LONG_AGO]), file);
    }

    async fn the_file_has_no_number_in_it(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.admin.opt_out(&number(9), &[&it.channel]).await;
        let file = it.export(&["--since", LONG_AGO]);
        assert_eq!(file.lines().count(), 3);
        for phone in [number(1), number(9)] {
            assert!(!file.contains(phone.trim_start_matches('+')), "{file}");
        }
    }

    async fn one_organization_can_be_exported_alone(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        let other = it.service.other_organization().await.id.to_string();
        let of_other = it.export(&["--since", LONG_AGO, "--organization", &other]);
        assert_eq!(of_other.lines().count(), 1);
        let unknown = Uuid::now_v7().to_string();
        let output = it.run(&["export", "--since", LONG_AGO, "--organization", &unknown], "");
        assert_eq!(
            text(&output.stderr),
            format!("error: cannot export: organization {unknown} not found\n")
        );
    }

    async fn what_the_database_does_not_have_is_counted(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.erase(&number(2)).await;
        let file = it.export(&["--since", LONG_AGO]);
        let other = |id: &str| file.replace(id, &Uuid::now_v7().to_string());
        let organization = it.service.organization_id().to_string();
        assert_eq!(
            it.apply(&other(&organization)),
            Applied { unknown_organizations: 2, ..Applied::default() }
        );
        it.restore().await;
        assert_eq!(
            it.apply(&other(&it.channel)),
            Applied { erased: 1, unknown_channels: 1, ..Applied::default() }
        );
    }

    async fn a_file_that_is_malformed_or_incomplete_changes_nothing(service: Service) {
        let it = BackedUp::new(service).await;
        it.admin.opt_out(&number(1), &[&it.channel]).await;
        it.erase(&number(2)).await;
        let file = it.export(&["--since", LONG_AGO]);
        it.restore().await;
        let lines: Vec<&str> = file.lines().collect();
        for (file, reason) in [
            (lines[..2].join("\n"), "cannot read -: it is incomplete: its last line is missing"),
            (lines[1..].join("\n"), "cannot read -: it is incomplete: lines are missing"),
            (format!("{file}{}", lines[0]), "cannot read -: line 4 comes after the end"),
            (file.replace("erase_time", "time"), "cannot read -: line 2 is malformed: "),
        ] {
            let line = it.refusal(&file);
            assert!(line.starts_with(&format!("error: {reason}")), "{line}");
        }
        assert_eq!(it.admin.opt_states(&number(1)).await, it.opted_in());
        assert_eq!(it.admin.list(&it.list).await.contact_count, 2);
    }
}

fn seconds(unix: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(unix).expect("a time");
    let format = time::format_description::well_known::Rfc3339;
    let text = time.format(&format).expect("a time");
    text.trim_end_matches('Z').to_owned()
}

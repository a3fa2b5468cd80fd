//! Rejected rows, and the file that they are mended in.

use crate::*;

/// The rows of a rejected file: their numbers and reasons.
fn listed(text: &str) -> Vec<(u64, String)> {
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[0].parse().expect("a number"), row[1].to_owned()))
        .collect()
}

on_both! {
    async fn a_newcomer_spoils_three_rows_mends_them_and_imports_again(desk: Desk) {
        let spoilt = table(1..=20)
            .replace(&number(3), "12")
            .replace("Person 7\n", &format!("{}\n", "x".repeat(256)))
            .replace(&number(11), "");
        let ran = desk.import_text("contacts.csv", &spoilt, &[]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (17, 3));
        assert!(ran.stdout.contains("contacts.csv.rejected.csv"), "{ran:?}");

        let rejected = desk.read("contacts.csv.rejected.csv");
        let rows = listed(&rejected);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [4, 8, 12]);
        assert!(rows[0].1.starts_with("phone must start with +"), "{rows:?}");
        assert_eq!(rows[1].1, "name must have at most 255 characters");
        assert!(rows[2].1.starts_with("phone "), "{rows:?}");

        let mended = rejected
            .replace(",12,", &format!(",{},", number(3)))
            .replace(&"x".repeat(256), "Person 7")
            .replace(",,Person 11", &format!(",{},Person 11", number(11)));
        desk.write("contacts.csv.rejected.csv", mended);
        let ran = desk.import("contacts.csv.rejected.csv", &[]).await.ends_with(0);
        assert_eq!(ran.count("created"), 3);
        assert!(!ran.stderr.contains("not imported"), "{ran:?}");
        assert_eq!(desk.phones().await, numbers(1..=20));
    }

    async fn a_row_with_more_cells_than_the_header_is_rejected_with_all_its_cells(desk: Desk) {
        let text = format!("phone,name,email\n{0},Doe, Jane,jane@example.com\n{1},Ada,,\n", number(1), number(2));
        let ran = desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (1, 1));
        let rejected = desk.read("contacts.csv.rejected.csv");
        assert!(rejected.contains("the row has 4 cells, the header has 3"), "{rejected}");
        let mended = rejected.replace("Doe, Jane", "\"Doe, Jane\"");
        assert_ne!(mended, rejected);
        desk.import_text("mended.csv", &mended, &[]).await.ends_with(0);
        let contact = desk.admin.contact(&number(1)).await.contact.unwrap();
        assert_eq!((contact.name.as_deref(), contact.email.as_deref()), (Some("Doe, Jane"), Some("jane@example.com")));
    }

    async fn what_other_rows_have_shown_is_written_out_in_a_rejected_row(desk: Desk) {
        use contact_lists::proto::custom_property::Type;
        desk.admin.create_object("customer", vec![property("value", Type::Float), property("row", Type::Text)]).await;
        let text = format!("phone;birthday;value;row\n12;01/02/1980;1.234;x\n{};31/12/1980;1,5;y\n", number(2));
        desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        let rejected = desk.read("contacts.csv.rejected.csv");
        assert!(rejected.contains(";12;1980-02-01;1234;x"), "{rejected}");
        desk.import_text("mended.csv", &rejected.replace(";12;", &format!(";{};", number(1))), &[]).await.ends_with(0);
        let members = desk.admin.members(&desk.list).await;
        let contact = members.into_iter().filter_map(|it| it.contact).find(|it| it.phone() == number(1)).unwrap();
        assert_eq!(json_of(&contact.properties.unwrap()), json!({"value": 1234, "row": "x"}));
        assert_eq!(contact.birth_date.unwrap().month, 2);
    }

    async fn a_rejected_file_imports_with_the_same_flags(desk: Desk) {
        let flags = ["--encoding", "windows-1252", "--map", "phone=column 2", "--map", "name=column 1"];
        desk.write("contacts.csv", [format!("Ada,{}\n", number(2)).as_bytes(), b"Ren\xe9e,12\n"].concat());
        desk.import("contacts.csv", &flags).await.ends_with(3);
        let rejected = desk.read("contacts.csv.rejected.csv");
        desk.write("contacts.csv.rejected.csv", rejected.replace(",12", &format!(",{}", number(1))));
        desk.import("contacts.csv.rejected.csv", &flags).await.ends_with(0);
        assert_eq!(desk.name_of(&number(1)).await, "Renée");
    }

    async fn row_numbers_are_those_of_the_spreadsheet(desk: Desk) {
        let text = format!("phone,name\n{},\"two\nlines\"\n\n12,A\n{},B\n\n\n12,C", number(1), number(2));
        desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        let rows = listed(&desk.read("contacts.csv.rejected.csv"));
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [4, 8]);
    }

    async fn every_reason_is_listed_by_its_column(desk: Desk) {
        let text = "Telefon;E-Mail;Geburtsdatum\n12;x@;31.12.80\n";
        desk.import_text("contacts.csv", text, &["--region", "DE"]).await.ends_with(3);
        let rejected = desk.read("contacts.csv.rejected.csv");
        let rejected = rejected.lines().nth(1).unwrap();
        for reason in [
            "Telefon is not a valid phone number",
            "E-Mail is not a valid email address",
            "Geburtsdatum has a year of two digits: write all four",
        ] {
            assert_eq!(rejected.matches(reason).count(), 1, "{rejected}");
        }
        assert_eq!(rejected.matches("Geburtsdatum").count(), 1, "{rejected}");
        assert_eq!(rejected.matches("Telefon").count(), 1, "{rejected}");
    }

    async fn all_of_thousands_of_rejected_rows_are_listed(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "40000"]).await;
        // More than a response lists, between good ones.
        let rows = (0..15_000).map(|n| if n % 5 == 0 { format!("{}\n", number(n)) } else { format!("bad {n}\n") });
        let text = format!("phone\n{}", rows.collect::<String>());
        let ran = desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (3_000, 12_000));
        let numbers: Vec<u64> = listed(&desk.read("contacts.csv.rejected.csv")).into_iter().map(|row| row.0).collect();
        let expected: Vec<u64> = (0..15_000).filter(|n| n % 5 != 0).map(|n| n + 2).collect();
        assert!(numbers == expected, "{} rows", numbers.len());
        assert_eq!(desk.update_count().await, 1);
    }

    async fn listing_more_rejected_rows_than_anybody_mends_ends(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "40000"]).await;
        desk.admin.create_customer_object().await;
        let unknown: serde_json::Map<_, _> = (0..50).map(|n| (format!("{n:050}"), json!(1))).collect();
        let line = |n| format!("{}\n", json!({"phone": number(n), "properties": unknown}));
        let ran = desk.import_text("contacts.jsonl", &(0..3000).map(line).collect::<String>(), &[]).await.ends_with(3);
        assert_eq!(ran.count("rejected"), 3000);
        let listed = desk.read("contacts.jsonl.rejected.jsonl").lines().count();
        assert!(listed < 3000, "{listed}");
        assert!(ran.stdout.contains(&format!("{} more were rejected and are not listed", 3000 - listed)), "{}", ran.stdout);
    }

    async fn a_rejected_file_that_is_being_mended_is_never_overwritten(desk: Desk) {
        for _ in 0..2 {
            desk.import_text("contacts.csv", "phone\n12\n", &[]).await.ends_with(3);
            desk.write("contacts.csv.rejected.csv", "being mended");
        }
        assert_eq!(desk.read("contacts.csv.rejected.csv"), "being mended");
        assert_eq!(listed(&desk.read("contacts.csv.rejected.2.csv")).len(), 1);
    }

    async fn where_rejected_rows_go_is_checked_before_anything_is_sent(desk: Desk) {
        for path in ["nowhere/rejected.csv", "."] {
            let ran = desk.import_text("contacts.csv", &table([1]), &["--rejected", path]).await;
            ran.refused_with("rejected rows could not be written to");
        }
        assert_eq!((desk.update_count().await, desk.has("contacts.csv.import-state")), (0, false));
    }

    async fn runs_at_the_same_time_list_their_rejected_rows_in_files_of_their_own(desk: Desk) {
        let files = ["1.csv", "2.csv", "3.csv", "4.csv", "5.csv", "6.csv"];
        let children = files.map(|file| {
            desk.write(file, "phone\n12\n");
            let mut command = desk.command(&["import", file, "--list", LIST, "--rejected", "rejected.csv"]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a running program")
        });
        for mut child in children {
            let ended = tokio::task::block_in_place(|| child.wait()).expect("an end");
            assert_eq!(ended.code(), Some(3));
        }
        assert!(desk.has("rejected.csv"));
        for number in 2..=6 {
            assert_eq!(listed(&desk.read(&format!("rejected.{number}.csv"))).len(), 1);
        }
    }

    async fn a_rejected_line_of_jsonl_is_a_line_that_imports_again(desk: Desk) {
        let line = json!({"phone": "12", "name": "Ada"});
        desk.import_text("contacts.jsonl", &format!("{line}\n"), &[]).await.ends_with(3);
        let rejected = desk.read("contacts.jsonl.rejected.jsonl");
        assert!(rejected.contains("\"row\":1") && rejected.contains("\"rejected_because\":\"phone must"), "{rejected}");
        desk.write("mended.jsonl", rejected.replace("\"12\"", &format!("\"{}\"", number(1))));
        desk.import("mended.jsonl", &[]).await.ends_with(0);
        assert_eq!(desk.name_of(&number(1)).await, "Ada");
    }

    async fn a_member_of_an_unknown_name_rejects_its_line(desk: Desk) {
        let line = json!({"phone": number(1), "nickname": "Ada"});
        desk.import_text("contacts.jsonl", &format!("{line}\n"), &[]).await.ends_with(3);
        assert!(desk.read("contacts.jsonl.rejected.jsonl").contains("nickname is not a field of a contact"));
    }

    async fn all_or_nothing_applies_nothing_and_lists_what_is_rejected(desk: Desk) {
        let text = format!("phone\n{}\n12\n", number(1));
        desk.import_text("contacts.csv", &text, &["--all-or-nothing"]).await.refused_with("nothing was changed");
        assert_eq!(desk.update_count().await, 0);
        assert_eq!(listed(&desk.read("contacts.csv.rejected.csv"))[0].0, 3);
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn a_dry_run_lists_what_would_be_rejected_and_changes_nothing(desk: Desk) {
        let text = format!("phone\n{}\n12\n", number(1));
        let ran = desk.import_text("contacts.csv", &text, &["--dry-run"]).await.ends_with(3);
        assert!(ran.stdout.starts_with("Dry run, nothing was changed: Newsletter would have 1 contacts."), "{ran:?}");
        assert_eq!((ran.count("created"), ran.count("rejected")), (1, 1));
        assert_eq!(listed(&desk.read("contacts.csv.rejected.csv"))[0].0, 3);
        assert_eq!(desk.update_count().await, 0);
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn a_row_that_the_program_cannot_read_keeps_its_member_in_an_overwrite(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        let text = format!("phone,birthday\n{},31.12.80\n", number(1));
        let ran = desk.import_text("new.csv", &text, &["--action", "overwrite", "--yes"]).await.ends_with(3);
        assert_eq!(ran.count("rejected"), 1);
        let ran = desk.import_text("new.csv", &format!("{text}{},\n", number(3)), &["--action", "overwrite", "--yes"]).await;
        assert_eq!(ran.ends_with(3).count("removed from the list"), 1);
        assert_eq!(desk.phones().await, numbers([1, 3]));
    }

    async fn a_contact_that_is_too_large_is_rejected_and_the_others_are_not(desk: Desk) {
        desk.admin.create_customer_object().await;
        let text = format!("phone,name\n{},{}\n{},Ada\n", number(1), "x".repeat(5_000_000), number(2));
        let ran = desk.import_text("contacts.csv", &text, &[]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (1, 1));
        assert!(desk.read("contacts.csv.rejected.csv").contains("the contact has more than 65536 bytes"));
    }
}

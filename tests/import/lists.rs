//! `lists`, `list`, `updates`, and the list that a file goes to.

use crate::*;

on_both! {
    async fn lists_are_created_shown_and_listed(desk: Desk) {
        let ran = desk.run(&["list", "create", "Customers", "--color", "#2f6f4f"]).await.ends_with(0);
        let id = ran.stdout.trim().to_owned();
        assert_eq!(desk.admin.list(&id).await.name(), "Customers");
        for name in ["Customers", &id] {
            let shown = desk.run(&["list", "show", name]).await.ends_with(0).stdout;
            assert_eq!(shown, format!("id        {id}\nname      Customers\nstate     active\ncontacts  0\nversion   0\ncolor     #2f6f4f\n"));
        }
        let listed = desk.run(&["lists"]).await.ends_with(0).stdout;
        assert_eq!(listed, format!("{}\tactive\t0\t{LIST}\n{id}\tactive\t0\tCustomers\n", desk.list));
        desk.run(&["list", "create", "Customers"]).await.refused_with("RESOURCE_ALREADY_EXISTS");
    }

    async fn a_list_is_found_by_its_whole_name_and_created_if_asked_to(desk: Desk) {
        desk.write("contacts.csv", table(1..=2));
        let import = ["import", "contacts.csv", "--list", "News"];
        desk.run(&import).await.refused_with("there is no contact list \"News\": --create-list creates it");
        let create = [&import[..], &["--create-list"]].concat();
        for created in [2, 0] {
            let ran = desk.run(&create).await.ends_with(0);
            assert_eq!(ran.count("created"), created);
        }
        assert_eq!(desk.run(&["lists"]).await.stdout.lines().count(), 2);
        assert!(desk.phones().await.is_empty());
    }

    async fn a_dry_run_for_a_new_list_says_what_would_happen_and_creates_none(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        desk.write("more.csv", format!("{}12,\n", table(1..=3)));
        for action in ["add", "overwrite"] {
            let import = ["import", "more.csv", "--list", "News", "--create-list", "--dry-run", "--action", action];
            let ran = desk.run(&import).await.ends_with(3);
            let begin = "Dry run, nothing was changed: News, which would be created, would have 3 contacts.";
            assert!(ran.stdout.starts_with(begin), "{ran:?}");
            assert_eq!((ran.count("created"), ran.count("added to the list"), ran.count("removed from the list")), (1, 3, 0));
        }
        assert_eq!(desk.run(&["lists"]).await.stdout.lines().count(), 1);
    }

    async fn a_list_is_created_only_once_all_before_the_first_call_is_right(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "10"]).await;
        desk.write("contacts.csv", table(1..=11));
        let create = ["import", "contacts.csv", "--list", "News", "--create-list"];
        for flags in [&["--action", "overwrite", "--yes"][..], &["--rejected", "nowhere/x.csv"], &["--opt-in-to", "Nobody"]] {
            desk.run(&[&create[..], flags].concat()).await.ends_with(1);
            assert_eq!(desk.run(&["lists"]).await.stdout.lines().count(), 1);
        }
        let flags = ["--opt-in-to", "00000000-0000-7000-8000-000000000000"];
        let ran = desk.run(&[&create[..], &flags].concat()).await;
        ran.refused_with("the contact list \"News\" was created, and nothing else was changed");
        let overwrite = ["--action", "overwrite"];
        desk.write("contacts.csv", table(1..=10));
        let ran = desk.run(&["import", "contacts.csv", "--list", "Others", "--create-list", overwrite[0], overwrite[1]]).await;
        assert_eq!(ran.ends_with(0).count("added to the list"), 10);
    }

    async fn an_archived_list_is_not_imported_into(desk: Desk) {
        desk.admin.archive_list(&desk.list).await;
        let ran = desk.import_text("contacts.csv", &table([1]), &[]).await;
        ran.refused_with("CONTACT_LIST_NOT_ACTIVE");
        assert!(!desk.has("contacts.csv.import-state"));
    }

    async fn updates_are_listed_with_their_counts(desk: Desk) {
        let other = desk.admin.create_list("Other").await;
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        let remove = ["import", "contacts.csv", "--list", "Other", "--action", "remove"];
        desk.run(&remove).await.ends_with(0);
        let lines = desk.run(&["updates"]).await.ends_with(0).stdout;
        assert_eq!(lines.lines().count(), 2);
        let of_other = desk.run(&["updates", "--list", "Other"]).await.ends_with(0).stdout;
        let fields: Vec<&str> = of_other.trim_end().split('\t').collect();
        assert_eq!(fields[2..], [
            other.as_str(), "remove",
            "received 2, created 0, updated 0, unchanged 2, duplicate 0, rejected 0; added 0, removed 0",
        ]);
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for (shell, begin) in [
        ("bash", "_contact__lists()"),
        ("zsh", "#compdef contact-lists"),
        ("fish", "# Print"),
    ] {
        let output = program(Path::new("."), "", "", &["completions", shell])
            .output()
            .expect("a program that runs");
        let ran = Ran::from(output).ends_with(0);
        assert!(ran.stdout.starts_with(begin), "{}", ran.stdout);
        assert!(ran.stdout.contains("create-list"), "{shell}");
    }
}

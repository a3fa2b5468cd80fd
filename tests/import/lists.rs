//! `lists`, `list`, `updates`, and the list that a file goes to.

use crate::*;

on_both! {
    async fn lists_are_created_shown_and_listed(desk: Desk) {
        let ran = desk.run(&["list", "create", "Customers", "--color", "#2f6f4f"]).await.ends_with(0);
        let id = ran.stdout.trim().to_owned();
        assert_eq!(desk.admin.list(&id).await.name(), "Customers");
        for name in ["Customers", &id] {
            let shown = desk.run(&["list", "show", name]).await.ends_with(0).stdout;
            assert_eq!(shown, format!("id        {id}\nname      Customers\nstate     active\ncontacts  0\ncolor     #2f6f4f\n"));
        }
        let listed = desk.run(&["lists"]).await.ends_with(0).stdout;
        assert_eq!(listed, format!("{}\tactive\t0\t{LIST}\n{id}\tactive\t0\tCustomers\n", desk.list));
        desk.run(&["list", "create", "Customers"]).await.refused_with("RESOURCE_ALREADY_EXISTS");
    }

    async fn a_list_is_found_by_its_whole_name_and_created_if_asked_to(desk: Desk) {
        desk.write("contacts.csv", table(1..=2));
        let import = ["import", "contacts.csv", "--list", "News"];
        desk.run(&import).await.refused_with("there is no contact list \"News\": --create-list creates it");
        desk.run(&[&import[..], &["--create-list", "--dry-run"]].concat()).await.refused_with("a dry run creates none");
        let create = [&import[..], &["--create-list"]].concat();
        for created in [2, 0] {
            let ran = desk.run(&create).await.ends_with(0);
            assert_eq!(ran.count("created"), created);
        }
        assert_eq!(desk.run(&["lists"]).await.stdout.lines().count(), 2);
        assert!(desk.phones().await.is_empty());
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

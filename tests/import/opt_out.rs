//! `contact-lists opt-out`.

use crate::*;

async fn opted_out_numbers(desk: &Desk) -> i64 {
    desk.service
        .rows("SELECT count(*) FROM opted_out_numbers")
        .await
}

impl Desk {
    /// Writes a file and opts its people out of all channels.
    async fn opt_out_text(&self, name: &str, text: &str, flags: &[&str]) -> Ran {
        self.write(name, text);
        self.run(&[&["opt-out", name, "--all-channels"], flags].concat())
            .await
    }
}

on_both! {
    async fn everybody_in_a_file_is_opted_out_and_again_nothing_changes(desk: Desk) {
        desk.admin.create_channel(&number(1_000_001)).await;
        desk.import_text("contacts.csv", &table(1..=2), &[]).await.ends_with(0);
        let ran = desk.opt_out_text("stop.csv", &table(2..=4), &[]).await.ends_with(0);
        let count = |name| ran.count(name);
        assert_eq!((count("received"), count("opted out"), count("unassigned numbers")), (3, 3, 2));
        assert_eq!(count("opted out of channels"), 3);
        let ran = desk.opt_out_text("stop.csv", &table(2..=4), &[]).await.ends_with(0);
        assert_eq!((ran.count("opted out"), ran.count("unchanged")), (0, 3));
        assert_eq!(opted_out_numbers(&desk).await, 4);
    }

    async fn a_row_names_a_person_by_phone_external_id_or_id(desk: Desk) {
        let known = [contact(&number(1)), contact(&number(2)).external_id("crm-2")];
        let add = header(&desk.list).add().no_opt_ins();
        desk.admin.update(add, known.to_vec()).await.unwrap();
        let channel = desk.admin.create_channel(&number(1_000_001)).await;
        let id = desk.admin.contact(&number(1)).await.contact.unwrap().id;
        let text = format!("who,Telefon,Kundennr,contact id\nAda,,,{id}\nBob,,crm-2,\nCid,{},,\nDan,,,\n", number(3));
        desk.write("stop.csv", text);
        let ran = desk.run(&["opt-out", "stop.csv", "--channel", &channel]).await.ends_with(3);
        assert_eq!((ran.count("opted out"), ran.count("rejected")), (3, 1));
        for n in 1..=2 {
            assert_eq!(desk.admin.opt_states(&number(n)).await, [(channel.clone(), false)]);
        }
        let rejected = desk.read("stop.csv.rejected.csv");
        assert!(rejected.contains("5,the row has neither a phone nor an external_id nor an id,Dan"), "{rejected}");
    }

    async fn a_row_and_the_flags_say_how_people_said_so(desk: Desk) {
        let add = header(&desk.list).add().no_opt_ins();
        desk.admin.update(add, contacts(1..3)).await.unwrap();
        let channel = desk.admin.create_channel(&number(1_000_001)).await;
        let text = format!("phone,consent time\n{},2026-05-01\n{},\n", number(1), number(2));
        desk.write("stop.csv", text);
        let flags = ["--channel", &channel, "--consent-source", "message", "--collect-time", "2026-04-01"];
        desk.run(&[&["opt-out", "stop.csv"], &flags[..]].concat()).await.ends_with(0);
        for (n, seconds) in [(1, 1_777_593_600), (2, 1_775_001_600)] {
            let consent = desk.admin.preferences(&number(n)).await.pop().unwrap().consent.unwrap();
            assert_eq!(consent.source().as_str_name(), "SOURCE_MESSAGE");
            assert_eq!(consent.collect_time.unwrap().seconds, seconds);
        }
    }

    async fn a_large_file_is_sent_in_several_calls(database: Database) {
        let desk = Desk::with(database, &["--max-contacts", "10"]).await;
        let text = table(1..=25).replace(&number(23), "12");
        let ran = desk.opt_out_text("stop.csv", &text, &[]).await.ends_with(3);
        assert_eq!((ran.count("received"), ran.count("opted out"), ran.count("rejected")), (25, 24, 1));
        assert!(desk.read("stop.csv.rejected.csv").contains("\n24,"));
    }

    async fn all_or_nothing_lists_the_rejected_rows_and_changes_nothing(desk: Desk) {
        let text = table(1..=3).replace(&number(2), "12");
        let ran = desk.opt_out_text("stop.csv", &text, &["--all-or-nothing"]).await;
        ran.refused_with("CONTACTS_REJECTED");
        assert!(desk.read("stop.csv.rejected.csv").contains("\n3,"));
        assert_eq!(opted_out_numbers(&desk).await, 0);
    }

    async fn a_dry_run_changes_nothing(desk: Desk) {
        let ran = desk.opt_out_text("stop.csv", &table(1..=3), &["--dry-run"]).await.ends_with(0);
        assert!(ran.stdout.starts_with("Dry run, nothing was changed"), "{ran:?}");
        assert_eq!(ran.count("opted out"), 3);
        assert_eq!(opted_out_numbers(&desk).await, 0);
    }

    async fn lines_of_json_and_national_numbers_are_read(desk: Desk) {
        let lines = "{\"phone\": \"0151 10000001\"}\n{\"phone\": \"0151 10000002\", \"name\": \"Bob\"}\n";
        let ran = desk.opt_out_text("stop.jsonl", lines, &["--region", "DE"]).await.ends_with(0);
        assert_eq!(ran.count("opted out"), 2);
    }

    async fn the_channels_must_be_said_and_must_exist(desk: Desk) {
        desk.write("stop.csv", table(1..=1));
        desk.run(&["opt-out", "stop.csv"]).await.ends_with(2);
        let ran = desk.run(&["opt-out", "stop.csv", "--channel", "Nonsense"]).await;
        ran.refused_with("there is no channel \"Nonsense\"");
        let map = ["opt-out", "stop.csv", "--all-channels", "--map", "email=phone"];
        desk.run(&map).await.refused_with("email is not read here");
    }
}

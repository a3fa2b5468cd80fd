//! How the contacts of a file said so: by flags and columns, and the way back from an export.

use contact_lists::proto::{Consent, consent::Source};

use super::*;

/// A file whose contacts have different consents, and one that has none of its own.
const FILE: &str = "Phone,Consent source,Consent evidence,OPT_IN_TIME\n\
    +4915110000001,Point of Sale,receipt 1,2020-01-02 00:00:00Z\n\
    +4915110000002,,,05/31/2020 13:30\n\
    +4915110000003,,,\n";

impl Desk {
    async fn consent_of(&self, n: u32) -> Option<Consent> {
        let phone = format!("+4915110{n:06}");
        let mut preferences = self.admin.preferences(&phone).await;
        preferences.pop().and_then(|it| it.consent)
    }

    async fn channel(&self) -> String {
        self.admin.create_channel("+12025550100").await
    }
}

fn consent(source: Source, evidence: &str, days: i64) -> Option<Consent> {
    Some(Consent {
        source: source.into(),
        evidence: evidence.to_owned(),
        collect_time: Some(day(days)),
    })
}

on_both! {
    async fn flags_say_how_all_contacts_of_a_file_said_so(desk: Desk) {
        desk.channel().await;
        let flags = ["--consent-source", "paper", "--consent-evidence", "box 7", "--collect-time", "2020-01-08"];
        desk.import_text("contacts.csv", "phone\n+4915110000001\n", &flags).await.ends_with(0);
        assert_eq!(desk.consent_of(1).await, consent(Source::Paper, "box 7", 7));
    }

    async fn cells_say_it_for_each_contact_and_win_over_flags(desk: Desk) {
        desk.channel().await;
        desk.import_text("contacts.csv", FILE, &["--consent-source", "website", "--collect-time", "2020-01-04"]).await.ends_with(0);
        assert_eq!(desk.consent_of(1).await, consent(Source::PointOfSale, "receipt 1", 1));
        assert_eq!(desk.consent_of(2).await, consent(Source::Website, "", 151));
        assert_eq!(desk.consent_of(3).await, consent(Source::Website, "", 3));
    }

    async fn columns_of_other_names_are_mapped(desk: Desk) {
        desk.channel().await;
        let text = "phone,where,what,when\n+4915110000001,import,CRM,2020-01-02\n";
        let flags = ["--map", "consent.source=where", "--map", "consent.evidence=what", "--map", "consent.collect_time=when"];
        desk.import_text("contacts.csv", text, &flags).await.ends_with(0);
        assert_eq!(desk.consent_of(1).await, consent(Source::Import, "CRM", 1));
    }

    async fn importing_an_old_file_again_lifts_no_later_opt_out(desk: Desk) {
        let channel = desk.channel().await;
        desk.import_text("contacts.csv", FILE, &[]).await.ends_with(0);
        desk.admin.opt_out("+4915110000001", &[&channel]).await;
        let ran = desk.import("contacts.csv", &["--resubscribe"]).await.ends_with(0);
        assert_eq!((ran.count("kept opt-outs"), ran.count("opted in to channels")), (1, 0));
    }

    async fn what_is_no_source_or_time_rejects_the_row_or_the_command(desk: Desk) {
        let text = "phone,consent.source,consent.collect_time\n+4915110000001,shop,2020-01-02\n+4915110000002,paper,soon\n";
        let ran = desk.import_text("contacts.csv", text, &[]).await.ends_with(3);
        assert_eq!(ran.count("rejected"), 2);
        let rejected = desk.read("contacts.csv.rejected.csv");
        assert!(rejected.contains("consent.source is not a source"), "{rejected}");
        assert!(rejected.contains("consent.collect_time is not a date"), "{rejected}");
        for flags in [["--consent-source", "shop"], ["--collect-time", "01/02/2020"], ["--collect-time", "2020-02-30"]] {
            desk.import("contacts.csv", &flags).await.ends_with(2);
        }
        let text = "phone,consent date\n+4915110000001,01/02/2020\n";
        desk.import_text("unclear.csv", text, &[]).await.refused_with("--date-order");
        desk.import("unclear.csv", &["--date-order", "month-first"]).await.ends_with(0);
    }

    async fn an_export_of_who_is_opted_in_is_taken_back_with_its_consent(desk: Desk) {
        let channel = desk.channel().await;
        desk.import_text("contacts.csv", FILE, &[]).await.ends_with(0);
        desk.admin.opt_out("+4915110000003", &[&channel]).await;
        for (file, flag) in [("in.csv", &channel[..]), ("in.jsonl", "+12025550100"), ("in.csv", "+12025550100")] {
            let args = ["export", "--list", LIST, "--opted-in-to", flag, "--consent", "--output", file];
            let ran = desk.run(&args).await.ends_with(0);
            assert!(ran.stderr.contains("2 contacts are in"), "{ran:?}");
            let before = (desk.consent_of(1).await, desk.consent_of(2).await);
            for table in ["contacts", "contact_list_contacts", "communication_preferences", "consents"] {
                desk.service.database().execute(&format!("DELETE FROM {table}")).await;
            }
            desk.import(file, &[]).await.ends_with(0);
            assert_eq!((desk.consent_of(1).await, desk.consent_of(2).await), before, "{file}");
        }
        assert!(desk.read("in.csv").starts_with("phone,external_id,"));
        assert!(desk.read("in.csv").contains("point_of_sale,receipt 1,2020-01-02T00:00:00Z"));
    }

    async fn an_export_of_who_is_opted_out_says_so(desk: Desk) {
        let channel = desk.channel().await;
        desk.import_text("contacts.csv", FILE, &[]).await.ends_with(0);
        desk.admin.opt_out("+4915110000002", &[&channel]).await;
        desk.admin.opt_out_of_all_channels("+4915110000003").await;
        let args = ["export", "--list", LIST, "--opted-out-of", &channel];
        let ran = desk.run(&args).await.ends_with(0);
        let phones: Vec<_> = ran.stdout.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(phones, ["+4915110000002", "+4915110000003"]);
        assert!(!ran.stdout.contains("consent"), "{ran:?}");
        let ran = desk.run(&[&args[..], &["--consent"]].concat()).await.ends_with(0);
        // Nothing was said but that they are opted out, and when.
        assert!(ran.stdout.lines().skip(1).all(|line| line.contains(",,,20") && line.ends_with('Z')), "{ran:?}");
    }

    async fn an_export_names_one_channel_at_most_and_consent_needs_it(desk: Desk) {
        let channel = desk.channel().await;
        let export = ["export", "--list", LIST];
        let both = ["--opted-in-to", &channel, "--opted-out-of", &channel];
        desk.run(&[&export[..], &both].concat()).await.ends_with(2);
        desk.run(&[&export[..], &["--consent"]].concat()).await.ends_with(2);
        desk.run(&[&export[..], &["--opted-in-to", "Nobody"]].concat()).await.refused_with("there is no channel \"Nobody\"");
    }
}
